"""Flow: what goes out when, and what an answer means, in the cases that a simulation meets too rarely."""

from __future__ import annotations

from edge.event import Lane
from edge.uplink import flow
from edge.uplink.envelope import Ack
from edge.uplink.flow import Ask, LaneFlow, Mode, Send, Verdict


def ack(up_to: int, *, answers: int = 0, held: int = 0, generation: str = "g") -> Ack:
    return Ack("e", Lane.BUSINESS, up_to, generation, held, answers)


def streaming(highest: int) -> LaneFlow:
    """A lane that head office answered and whose first batches are on the way."""
    state = flow.connected(flow.begin(0), 0.0)
    assert flow.due(state, highest, 0.0) == Ask(highest + 1)
    state, _ = flow.acknowledged(flow.asked(state, 7, 0.0), ack(0, answers=7), highest, 0.0)
    while isinstance(what := flow.due(state, highest, 0.0), Send):
        state = flow.sent(state, what, what.last, 0, 0.0)
    return state


def test_sends_several_batches_and_no_more_than_the_window() -> None:
    state = streaming(100_000)
    assert state.sent == flow.WINDOW
    after, verdict = flow.acknowledged(state, ack(flow.BATCH), 100_000, 1.0)
    assert verdict is Verdict.PROGRESS
    assert flow.due(after, 100_000, 1.0) == Send(flow.WINDOW + 1, flow.WINDOW + flow.BATCH)


def test_a_repeated_answer_does_not_put_sending_again_off() -> None:
    state = streaming(10)
    for tenth in range(10 * int(flow.PATIENCE_S)):
        assert flow.impatient(state, tenth / 10) is None
        state, verdict = flow.acknowledged(state, ack(0), 10, tenth / 10)
        assert verdict is Verdict.NOTHING
    back = flow.impatient(state, flow.PATIENCE_S)
    assert back is not None
    assert flow.due(back, 10, flow.PATIENCE_S) == Send(1, 10)
    assert flow.impatient(flow.sent(back, Send(1, 10), 10, 0, flow.PATIENCE_S), 2 * flow.PATIENCE_S) is None  # waits longer each time


def test_after_a_stall_one_batch_goes_out_until_the_mark_moves() -> None:
    back = flow.impatient(streaming(100_000), flow.PATIENCE_S)
    assert back is not None
    one = flow.sent(back, Send(1, flow.BATCH), flow.BATCH, 0, flow.PATIENCE_S)
    assert flow.due(one, 100_000, flow.PATIENCE_S) is None
    after, _ = flow.acknowledged(one, ack(flow.BATCH), 100_000, flow.PATIENCE_S)
    assert isinstance(flow.due(after, 100_000, flow.PATIENCE_S), Send)


def test_small_batches_wait_for_company_while_others_are_on_the_way() -> None:
    state = streaming(10)
    assert flow.due(state, 11, 0.01) is None
    assert flow.due(state, 11, flow.GATHER_S) == Send(11, 11)
    assert flow.wakes_at(state, 11) == flow.GATHER_S


def test_what_was_not_sent_by_this_process_is_sent_and_compared_first() -> None:
    state = flow.asked(flow.connected(flow.begin(100), 0.0), 5, 0.0)
    state, verdict = flow.acknowledged(state, ack(150, answers=5), 200, 0.0)
    assert (state.mode, verdict) == (Mode.VERIFYING, Verdict.NOTHING)
    what = flow.due(state, 200, 0.0)
    assert what == Send(101, 150, asks=True)
    state = flow.sent(state, what, 150, 6, 0.0)
    unchanged, verdict = flow.acknowledged(state, ack(150, answers=5), 200, 0.1)  # the first answer once more proves nothing
    assert (unchanged.mark, verdict) == (100, Verdict.NOTHING)
    state, verdict = flow.acknowledged(state, ack(150, answers=6), 200, 0.2)
    assert (state.mark, state.mode, verdict) == (150, Mode.STREAMING, Verdict.PROGRESS)


def test_more_at_head_office_than_there_is_here_is_foreign_also_above_a_gap() -> None:
    state = flow.asked(flow.connected(flow.begin(100), 0.0), 5, 0.0)
    assert flow.acknowledged(state, ack(101, answers=5), 100, 0.0)[1] is Verdict.FOREIGN
    assert flow.acknowledged(state, ack(90, held=101, answers=5), 100, 0.0)[1] is Verdict.FOREIGN


def test_a_restored_head_office_is_sent_what_it_lacks() -> None:
    state, _ = flow.acknowledged(streaming(10), ack(10), 10, 0.0)
    state, verdict = flow.acknowledged(state, ack(4, generation="h"), 10, 1.0)
    assert verdict is Verdict.BEHIND
    assert flow.due(state, 10, 1.0) == Send(5, 10)
    assert flow.acknowledged(state, ack(3, generation="h"), 10, 1.0)[1] is Verdict.NOTHING  # an older answer of the same life


def test_the_other_lanes_ask_when_one_hears_of_another_life() -> None:
    state, _ = flow.acknowledged(streaming(10), ack(10), 10, 0.0)
    flows = flow.other_life({Lane.ALARM: state, Lane.BULK: flow.begin(0)}, "h", 1.0)
    assert flows[Lane.ALARM].mode is Mode.ASKING
    assert flow.other_life({Lane.ALARM: state}, "g", 1.0) == {Lane.ALARM: state}


def test_the_same_missing_range_is_repeated_only_after_a_while() -> None:
    state = flow.asked_again(streaming(10), 3, 4, 10, 0.0)
    assert flow.due(state, 10, 0.0) == Send(3, 4, repair=True)
    state = flow.sent(state, Send(3, 4, repair=True), 4, 0, 0.0)
    assert flow.asked_again(state, 3, 4, 10, 1.0).repairs == ()
    assert flow.asked_again(state, 3, 4, 10, flow.REPAIR_S).repairs == ((3, 4),)


def test_an_idle_lane_asks_now_and_then() -> None:
    state, _ = flow.acknowledged(streaming(10), ack(10), 10, 0.0)
    assert flow.due(state, 10, flow.IDLE_ASK_S - 1) is None
    assert flow.wakes_at(state, 10) == flow.IDLE_ASK_S
    assert flow.due(state, 10, flow.IDLE_ASK_S) == Ask(11)


def test_an_unanswered_question_is_repeated_ever_less_often() -> None:
    state = flow.asked(flow.connected(flow.begin(0), 0.0), 1, 0.0)
    assert flow.due(state, 0, flow.ASK_S - 0.1) is None
    state = flow.asked(state, 2, flow.ASK_S)
    assert flow.wakes_at(state, 0) == flow.ASK_S + 2 * flow.ASK_S
