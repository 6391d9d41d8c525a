"""A head's losses and gradients in place: the Triton kernel in its interpreter and compiled, and when it is used.

The kernel runs on tensors of the CPU in a process of its own (`triton_worker.py`); that it compiles for GPUs is tested
here, and that it is right on one where there is one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy, linear

from helpers.paths import REPOSITORY
from mft_core.nn.chunk_losses import triton_difference, triton_works
from mft_core.nn.half_precision import HALVES
from mft_core.nn.head_losses import Head, head_losses
from mft_core.nn.logit_form import LogitForm

pytestmark = pytest.mark.slow
FORMS = {"plain": LogitForm(), "scale": LogitForm(0.3), "softcap": LogitForm(0.7, 2.5)}
DTYPES = (torch.float32, *HALVES)
BLOCK = 4096
SIZES = (1, 2, 61, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 7)
KINDS = [(dtype, form, biased) for dtype in DTYPES for form in FORMS for biased in (False, True)]
INF, NAN = torch.inf, torch.nan
ODD: dict[str, list[float]] = {
    "target -inf": [-INF, 1.0, 2.0],
    "others -inf": [1.0, -INF, -INF],
    "all -inf": [-INF, -INF, -INF],
    "an inf": [1.0, INF, 2.0],
    "target inf": [INF, 1.0, 2.0],
    "a nan": [1.0, NAN, 2.0],
    "target nan": [NAN, 1.0, 2.0],
    "far apart": [-1e38, 1e38, 0.0],
    "hopeless": [-90.0, 90.0, 0.0],
    "certain": [17.0, 0.0, -1.0],
    "surely certain": [20.0, 0.0, -1.0],
}
needs_triton = pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed")
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def draw(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).mul_(4).to(dtype)


def kernel_case(scores: torch.Tensor, labels: torch.Tensor, **others: Any) -> dict[str, Any]:
    return {"scores": scores, "labels": labels, "bias": None, "form": (1.0, None), "gradients": True, **others}


def form_case(dtype: torch.dtype, form: str, biased: bool, vocabulary: int = BLOCK + 7) -> dict[str, Any]:
    labels = torch.tensor([vocabulary // 2, vocabulary - 1])
    bias = draw(vocabulary, dtype=dtype, seed=1) if biased else None
    scores = draw(2, vocabulary, dtype=dtype)
    return kernel_case(scores, labels, bias=bias, form=(FORMS[form].scale, FORMS[form].softcap))


def odd_case(values: list[float]) -> dict[str, Any]:
    """The first of the values is the label's, at the end of the second block; the first block is all -inf."""
    scores = torch.full((1, BLOCK + 5), -INF)
    scores[0, -3:] = torch.tensor(values[::-1])
    return kernel_case(scores, torch.tensor([BLOCK + 4]))


def kernel_cases() -> dict[str, dict[str, Any]]:
    cases = {f"{dtype} {form} {biased}": form_case(dtype, form, biased) for dtype, form, biased in KINDS}
    cases |= {f"size {size}": form_case(torch.float32, "softcap", True, size) for size in SIZES}
    cases |= {name: odd_case(values) for name, values in ODD.items()}
    cases["largest"] = kernel_case(draw(1, 2**18 + 1, dtype=torch.bfloat16), torch.tensor([2**18]))
    cases["no gradients"] = {**form_case(torch.bfloat16, "plain", True), "gradients": False}
    cases["no rows"] = kernel_case(draw(0, 61), torch.zeros(0, dtype=torch.int64))
    cases["outside"] = kernel_case(draw(3, 61), torch.tensor([-100, 61, 2**40]))
    cases["strided"] = kernel_case(draw(3, 200)[:, 50:111], torch.tensor([[7, 1], [60, 1], [0, 1]])[:, 0])
    return cases


def head_case(dtype: torch.dtype, form: str, trainable: bool, biased: bool, announced: bool = False) -> dict[str, Any]:
    """7 tokens are three chunks of 3."""
    weights = torch.rand(7, generator=torch.Generator().manual_seed(7))
    return {
        "hidden": draw(7, 8, dtype=dtype, seed=3) / 4,
        "weight": draw(61, 8, dtype=dtype, seed=4) / 4,
        "bias": draw(61, dtype=dtype, seed=5) / 4 if biased else None,
        "labels": torch.randint(61, (7,), generator=torch.Generator().manual_seed(6)),
        "form": (FORMS[form].scale, FORMS[form].softcap),
        "trainable": trainable,
        "weights": weights,
        "announced": weights / 8 if announced else None,
    }


HEADS = {
    "frozen": head_case(torch.float32, "plain", trainable=False, biased=False),
    "trainable": head_case(torch.float32, "softcap", trainable=True, biased=True),
    "announced": head_case(torch.float32, "scale", trainable=True, biased=True, announced=True),
    "frozen bfloat16": head_case(torch.bfloat16, "softcap", trainable=False, biased=False),
    "trainable float16": head_case(torch.float16, "plain", trainable=True, biased=True, announced=True),
}


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("interpreter")
    torch.save({"kernel": kernel_cases(), "head": HEADS}, folder / "cases.pt")
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    command = [sys.executable, REPOSITORY / "tests" / "helpers" / "triton_worker.py", folder]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return torch.load(folder / "results.pt")


def exact(case: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """Losses and derivatives in float64, by PyTorch's own differentiation."""
    scores = case["scores"].double().requires_grad_()
    bias = 0 if case["bias"] is None else case["bias"].double()
    losses = cross_entropy(LogitForm(*case["form"]).apply(scores + bias), case["labels"], reduction="none")
    return losses.detach(), torch.autograd.grad(losses.sum(), scores)[0]


def assert_near(found: tuple[torch.Tensor, torch.Tensor], case: dict[str, Any]) -> None:
    """Losses to float32's accuracy; derivatives, each to its own size, to that and the dtype's rounding."""
    (losses, gradient), (true_losses, true_gradient) = found, exact(case)
    assert losses.dtype == torch.float32
    torch.testing.assert_close(losses.double(), true_losses, rtol=2e-6, atol=5e-7, equal_nan=True)
    # The interpreter cuts bfloat16 off where a GPU rounds: a whole unit in the last place, not half of one.
    unit = torch.finfo(gradient.dtype).eps if gradient.dtype in HALVES else 0.0
    smallest = torch.finfo(gradient.dtype).smallest_normal * unit
    torch.testing.assert_close(gradient.double(), true_gradient, rtol=2e-5 + unit, atol=smallest, equal_nan=True)


@needs_triton
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_losses_and_derivatives_of_every_form(interpreted, dtype, form) -> None:
    for biased in (False, True):
        assert_near(interpreted["kernel"][f"{dtype} {form} {biased}"], form_case(dtype, form, biased))


@needs_triton
@pytest.mark.parametrize("size", SIZES)
def test_vocabularies_of_any_size(interpreted, size) -> None:
    assert_near(interpreted["kernel"][f"size {size}"], form_case(torch.float32, "softcap", True, size))


@needs_triton
def test_a_vocabulary_of_a_quarter_million(interpreted) -> None:
    assert_near(interpreted["kernel"]["largest"], kernel_cases()["largest"])


@needs_triton
@pytest.mark.parametrize("name", ODD)
def test_logits_that_are_no_numbers_or_far_apart(interpreted, name) -> None:
    """NaN where PyTorch's are; a nearly certain token's derivative keeps all its digits."""
    assert_near(interpreted["kernel"][name], odd_case(ODD[name]))


@needs_triton
def test_without_gradients_the_scores_stay(interpreted) -> None:
    case = {**form_case(torch.bfloat16, "plain", True), "gradients": False}
    losses, scores = interpreted["kernel"]["no gradients"]
    torch.testing.assert_close(losses.double(), exact(case)[0], rtol=2e-6, atol=0)
    assert torch.equal(scores, case["scores"])


@needs_triton
def test_no_rows_rows_with_gaps_rows_far_apart_and_labels_outside(interpreted) -> None:
    assert [part.numel() for part in interpreted["kernel"]["no rows"]] == [0, 0]
    assert_near(interpreted["kernel"]["strided"], kernel_cases()["strided"])
    assert interpreted["far"]
    assert interpreted["kernel"]["outside"][0].isnan().all()


@needs_triton
@pytest.mark.parametrize("name", HEADS)
def test_the_whole_head_on_the_kernel(interpreted, name) -> None:
    case, found = HEADS[name], interpreted["head"][name]
    parts = {key: case[key].double().requires_grad_() for key in ("hidden", "weight", "bias") if case[key] is not None}
    logits = LogitForm(*case["form"]).apply(linear(parts["hidden"], parts["weight"], parts.get("bias")))
    losses = cross_entropy(logits, case["labels"], reduction="none")
    leaves = list(parts.values()) if case["trainable"] else [parts["hidden"]]
    expected = [losses.detach(), *torch.autograd.grad((losses * case["weights"]).sum(), leaves)]
    dtype = case["hidden"].dtype
    assert [part.dtype for part in found] == [torch.float32, *[dtype] * len(leaves)]
    tolerance = 1e-6 if dtype == torch.float32 else 2 * torch.finfo(dtype).eps
    for one, other in zip(found, expected, strict=True):
        assert (one - other).norm() <= tolerance * other.norm()


@needs_triton
def test_the_self_test_passes_the_kernel_and_no_faulty_one(interpreted) -> None:
    assert set(interpreted["difference"]) == {str(dtype) for dtype in DTYPES}
    assert max(interpreted["difference"].values()) < 1e-5
    assert interpreted["fault"] == [False, False]


@needs_triton
@pytest.mark.parametrize("architecture", [80, 90])
@pytest.mark.parametrize(
    ("dtype", "bias", "softcap", "gradients"),
    [
        ("bf16", False, False, True),
        ("bf16", True, True, True),
        ("fp16", True, False, True),
        ("fp32", False, True, False),
    ],
)
def test_the_kernel_compiles_for_gpus_and_reads_rows_in_16_bytes(
    architecture, dtype, bias, softcap, gradients, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from mft_core.nn import chunk_losses_triton

    types = dict.fromkeys(chunk_losses_triton._row_kernel.arg_names, "i32")
    types |= {"scores": f"*{dtype}", "labels": "*i64", "losses": "*fp32", "scale": "fp32"}
    types |= {"bias": f"*{dtype}" if bias else "constexpr", "softcap": "fp32" if softcap else "constexpr"}
    types |= {"gradients": "constexpr", "block": "constexpr"}
    constants: dict[str, Any] = {"gradients": gradients, "block": BLOCK}
    constants |= {} if bias else {"bias": None}
    constants |= {} if softcap else {"softcap": None}
    # As at a launch with a vocabulary that is a multiple of 16.
    aligned = {(place,): [["tt.divisibility", 16]] for place, kind in enumerate(types.values()) if kind[0] in "*i"}
    source = ASTSource(chunk_losses_triton._row_kernel, types, constants, aligned)
    options = {"num_warps": chunk_losses_triton.WARPS}
    compiled = triton.compile(source, target=GPUTarget("cuda", architecture, 32), options=options)
    assert compiled.asm["cubin"]
    code = compiled.asm["ptx"]
    of_a_pass = BLOCK * (4 if dtype == "fp32" else 2) // (16 * 32 * chunk_losses_triton.WARPS)
    assert code.count("ld.global.v4.b32") == of_a_pass * (1 + bias) * (1 + gradients)
    assert code.count("st.global.v4.b32") == of_a_pass * gradients


@needs_triton
@pytest.mark.cuda
@needs_cuda
@pytest.mark.parametrize("vocabulary", [61, 50257, 151936, 262144])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_kernel_on_a_gpu_agrees_with_torch(dtype, form, vocabulary) -> None:
    for biased in (False, True):
        assert triton_difference(torch.device("cuda", 0), dtype, vocabulary, form, biased) < 1e-4


@needs_triton
@pytest.mark.cuda
@needs_cuda
@pytest.mark.parametrize("trainable", [False, True], ids=["frozen", "trainable"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_head_on_a_gpu_is_as_near_to_the_truth_as_torch_operations(dtype, trainable, monkeypatch) -> None:
    """Several chunks; Triton must be what is used."""
    hidden, weight = draw(5000, 64, dtype=dtype).cuda() / 8, draw(50304, 64, dtype=dtype, seed=1).cuda() / 8
    labels = torch.randint(50304, (5000,), generator=torch.Generator().manual_seed(2)).cuda()

    def results(dtype: torch.dtype, losses_of: Callable[..., torch.Tensor]) -> list[torch.Tensor]:
        leaves = [hidden.to(dtype).requires_grad_(), weight.to(dtype).requires_grad_(trainable)]
        losses = losses_of(*leaves)
        wanted = [leaf for leaf in leaves if leaf.requires_grad]
        return [losses.detach().double(), *(part.double() for part in torch.autograd.grad(losses.mean(), wanted))]

    def ours(states: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
        return head_losses(states, Head(matrix, None, LogitForm(), states.dtype), labels)

    triton = results(dtype, ours)
    assert triton_works(hidden.device, dtype, len(weight), LogitForm(), False)
    monkeypatch.setattr("mft_core.nn.chunk_losses.triton_works", lambda *_: False)
    truth = results(torch.float64, ours)
    for found, other, true in zip(triton, results(dtype, ours), truth, strict=True):
        assert (found - true).norm() < 1.2 * (other - true).norm() + 1e-6 * true.norm()
