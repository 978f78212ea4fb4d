"""What a person does, one module per noun; `printing` is how all of them speak."""
