"""What is served by HTTP: health, measures, receipts that providers push; pages and REST API will stand here too."""
