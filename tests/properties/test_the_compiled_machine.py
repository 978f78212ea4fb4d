"""The table that actions are looked up in behaves as the machine it was read from (decision 0006)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transitions import MachineError

from engine.machine import Machine, build
from engine.workflow import WorkflowDef
from tests.city import shipped
from tests.properties.histories import budget

WORKFLOWS = {**shipped("bidding")[0].workflows}
WORDS = sorted({name for w in WORKFLOWS.values() for name in w.actions})


class Model:
    """What a `transitions` machine moves."""

    state = ""


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
@budget(60, 2000)
@given(data=st.data())
def test_random_words_lead_both_machines_to_the_same_states(name: str, data: st.DataObject) -> None:
    workflow = WORKFLOWS[name]
    machine = Machine(workflow)
    model = Model()
    other = build(workflow)
    other.add_model(model)
    state = workflow.initial
    word = st.sampled_from(sorted(workflow.actions)) | st.sampled_from(WORDS)
    for action in data.draw(st.lists(word, max_size=25)):
        step = machine.step(state, action)
        try:
            moved = getattr(model, action, None)
            accepted = moved is not None and moved()
        except MachineError:
            accepted = False
        assert (step is not None) == accepted
        state = step or state
        assert model.state == state


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
def test_the_table_says_what_the_file_says_from_every_state(name: str) -> None:
    workflow: WorkflowDef = WORKFLOWS[name]
    machine = Machine(workflow)
    for state in workflow.states:
        for action in workflow.actions.values():
            wanted = (action.to or state) if state in action.sources else None
            assert machine.step(state, action.name) == wanted
        offered = [a.name for a in (*machine.offers(state), *machine.automatic(state))]
        assert sorted(offered) == sorted(a.name for a in workflow.actions.values() if state in a.sources)
    assert machine.final == {s.name for s in workflow.states.values() if s.final}
