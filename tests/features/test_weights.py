"""What is said of weights by their name: whether they are here, and what they learned from."""

import json
import subprocess
import sys

import pytest

from scratchclust.features import weights
from scratchclust.features.weights import is_at_hand, trained_on


def folder_of(tmp_path, model_type, *, with_weights=True):
    folder = tmp_path / "network"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    if with_weights:
        (folder / "model.safetensors").write_bytes(b"")
    return folder


def test_what_is_at_hand(tmp_path):
    assert all(is_at_hand(name) and path.is_file() for name, path in weights.SHIPPED.items())
    assert is_at_hand("efficientnet-lite0") == (weights.imagenet_file() is not None)
    assert is_at_hand(folder_of(tmp_path, "resnet"))
    assert is_at_hand(tmp_path / "network" / "config.json")
    (tmp_path / "network" / "model.safetensors").unlink()
    assert not is_at_hand(str(tmp_path / "network"))
    assert not is_at_hand("no-such-network")


def test_a_network_of_the_hub_is_at_hand_where_it_was_fetched_before(monkeypatch):
    hub = pytest.importorskip(
        "huggingface_hub", reason='needs huggingface_hub: pip install -e ".[pretrained]"'
    )
    cached = {
        ("some/net", "config.json"),
        ("some/net", "model.safetensors"),
        ("a/b", "config.json"),
    }
    monkeypatch.setattr(
        hub, "try_to_load_from_cache", lambda *asked: "path" if asked in cached else None
    )
    assert [is_at_hand(name) for name in ("some/net", "a/b", "c/d")] == [True, False, False]


def test_no_network_of_the_hub_is_at_hand_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert not is_at_hand("some/net")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cifar10-resnet20", "CIFAR-10's 50,000 labelled photographs"),
        ("cifar10-selfsup", "CIFAR-10's 50,000 photographs without their labels"),
        ("efficientnet-lite0", "ImageNet-1k, 1.28 million labelled photographs"),
        (
            "facebook/dinov2-small",
            "what facebook/dinov2-small was trained on (published networks of its kind: "
            "142 million photographs without labels)",
        ),
        ("some/thing", "what some/thing was trained on"),
    ],
)
def test_what_a_network_learned_from(name, said):
    assert trained_on(name) == said


def test_what_a_folder_or_a_file_learned_from(tmp_path):
    """No path of the machine is told."""
    folder = folder_of(tmp_path, "clip_vision_model")
    assert trained_on(folder) == (
        "what network was trained on (published networks of its kind: "
        "400 million pictures with their captions)"
    )
    assert trained_on(str(folder / "model.safetensors")) == (
        "the images and labels that model.safetensors was trained with"
    )
    (folder / "config.json").write_text("[")
    assert trained_on(folder) == "what network was trained on"


def test_neither_question_imports_anything_heavy():
    program = (
        "import sys\nfrom scratchclust.features.weights import is_at_hand, trained_on\n"
        "is_at_hand('efficientnet-lite0'), is_at_hand('cifar10-resnet20'), trained_on('a/b')\n"
        "print([name for name in ('jax', 'numpy', 'huggingface_hub') if name in sys.modules])"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
