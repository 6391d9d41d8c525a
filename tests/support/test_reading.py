from __future__ import annotations

import pickle

from mft_core.support.reading import AS_IT_IS, RecordForm


def test_a_form_goes_to_worker_processes_and_may_be_a_key() -> None:
    form = RecordForm((("prompt", "question"),), "last", "chosen", True)
    assert pickle.loads(pickle.dumps(form)) == form
    assert len({form, AS_IT_IS, RecordForm()}) == 2
