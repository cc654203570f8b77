"""What is true of every process once its apps are loaded."""

import gc


def test_garbage_is_collected_again_and_what_was_loaded_is_left_out_of_it() -> None:
    assert gc.isenabled()
    assert gc.get_freeze_count() > 100_000
