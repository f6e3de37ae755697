"""DINOv2 and CLIP's picture half in PretrainedFeatures: against transformers on random weights, the
names in published files, refusals.
"""

import json

import jax
import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import load_file, save_file

from scratchclust import PretrainedFeatures, VisionTransformerSpec, persist
from scratchclust.data.preprocessing import resize
from scratchclust.errors import InputError
from scratchclust.features import pretrained
from scratchclust.features.vision_transformers import CLIP_SCALE, our_name_in_theirs

DINOV2 = {
    "model_type": "dinov2",
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "image_size": 35,
    "patch_size": 7,
}
VISION = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 40,
    "image_size": 28,
    "patch_size": 7,
}
TEXT = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
IMAGENET_SCALE = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
OTHER_ACT = {**VISION, "hidden_act": "gelu"}


def photographs(n=3, shape=(40, 33, 3), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def names_and_shapes(spec, family):
    model = nnx.eval_shape(lambda: spec.build((28, 28, 3), rngs=nnx.Rngs(0)))
    for path, leaf in jax.tree_util.tree_flatten_with_path(nnx.to_pure_dict(nnx.state(model)))[0]:
        yield (
            our_name_in_theirs(jax.tree_util.keystr(path, simple=True, separator="."), family),
            leaf,
        )


@pytest.fixture(scope="module")
def dinov2(tmp_path_factory):
    """A folder with random weights, written without torch."""
    folder = tmp_path_factory.mktemp("dinov2")
    (folder / "config.json").write_text(json.dumps(DINOV2))
    spec = VisionTransformerSpec(
        patch_size=7, grid=5, width=24, depth=2, n_heads=3, mlp_width=96, **IMAGENET_SCALE
    )
    rng, theirs = np.random.default_rng(0), {}
    for name, leaf in names_and_shapes(spec, "dinov2"):
        shape = leaf.shape[::-1]
        if len(shape) == 4:
            shape = (shape[0], shape[1], 7, 7)
        if name.startswith("embeddings.") and "patch" not in name:
            shape = (1,) * (3 - len(shape)) + leaf.shape
        theirs[name] = rng.normal(0, 0.3, shape).astype(np.float32)
    save_file(theirs, folder / "model.safetensors")
    return folder


def of_transformers(kind, tmp_path):
    """A network of transformers with random numbers everywhere, written as it writes them."""
    torch = pytest.importorskip("torch", reason='needs torch: pip install -e ".[peers]"')
    transformers = pytest.importorskip(
        "transformers", reason='needs transformers: pip install -e ".[peers]"'
    )
    sizes = {name: value for name, value in DINOV2.items() if name != "model_type"}
    torch.manual_seed(0)
    theirs = {
        "Dinov2Model": lambda c: c(transformers.Dinov2Config(**sizes)),
        "Dinov2ForImageClassification": lambda c: c(transformers.Dinov2Config(**sizes)),
        "CLIPVisionModel": lambda c: c(transformers.CLIPVisionConfig(**OTHER_ACT)),
        "CLIPVisionModelWithProjection": lambda c: c(
            transformers.CLIPVisionConfig(**VISION, projection_dim=8)
        ),
        "CLIPModel": lambda c: c(
            transformers.CLIPConfig(vision_config=VISION, text_config=TEXT, projection_dim=8)
        ),
    }[kind](getattr(transformers, kind)).eval()
    for parameter in theirs.parameters():
        parameter.data = 0.3 * torch.randn_like(parameter)
    theirs.save_pretrained(tmp_path)
    return theirs


def answers(theirs, pictures):
    """What a network of transformers answers, by our names of layers."""
    import torch

    inner = theirs
    for name in ("dinov2", "vision_model"):
        inner = getattr(inner, name, inner)
    more = {"interpolate_pos_encoding": True} if "CLIP" in type(theirs).__name__ else {}
    with torch.no_grad():
        seen = torch.tensor(pictures.transpose(0, 3, 1, 2), dtype=torch.float32)
        found = inner(seen, output_hidden_states=True, **more)
        layers = {
            "pool": found.pooler_output,
            "patches": found.last_hidden_state[:, 1:],
            "last_conv": found.last_hidden_state[:, 1:],
            "block1": found.hidden_states[1],
        }
        if hasattr(theirs, "visual_projection"):
            layers["projection"] = theirs.visual_projection(found.pooler_output)
    return {name: values.numpy().reshape(len(pictures), -1) for name, values in layers.items()}


@pytest.mark.full
@pytest.mark.parametrize(
    ("kind", "sizes", "scale"),
    [
        ("Dinov2Model", (35, 28, 45), IMAGENET_SCALE),  # of the training, smaller, no multiple of 7
        ("Dinov2ForImageClassification", (28,), IMAGENET_SCALE),
        ("CLIPVisionModel", (28, 21), CLIP_SCALE),
        ("CLIPVisionModelWithProjection", (28, 37), CLIP_SCALE),
        ("CLIPModel", (28,), CLIP_SCALE),
    ],
)
def test_features_equal_those_of_transformers(kind, sizes, scale, tmp_path):
    theirs = of_transformers(kind, tmp_path)
    images = photographs()
    for size in sizes:
        seen = (resize(images, size) / 255 - np.array(scale["mean"])) / np.array(scale["std"])
        for layer, values in answers(theirs, seen).items():
            ours = PretrainedFeatures(tmp_path, layer=layer, size=size).fit_transform(images)
            np.testing.assert_allclose(ours, values, atol=1e-4, err_msg=f"{layer} at {size}")


def test_a_folder_of_dinov2(dinov2, tmp_path):
    images = photographs()
    features = PretrainedFeatures(dinov2).fit(images)
    assert features.network_shape_ == (224, 224, 3)
    features = PretrainedFeatures(dinov2, size=21).fit(images)
    assert features.spec_ == VisionTransformerSpec(
        patch_size=7, grid=5, width=24, depth=2, n_heads=3, mlp_width=96, **IMAGENET_SCALE
    )
    vectors = features.transform(images)
    assert vectors.shape == (3, features.n_features_out_) == (3, 24)
    theirs = load_file(dinov2 / "model.safetensors")
    np.testing.assert_array_equal(
        features.parameters_["blocks.1.attention.key.kernel"],
        theirs["encoder.layer.1.attention.attention.key.weight"].T,
    )
    persist.save(features, tmp_path / "model")
    np.testing.assert_array_equal(persist.load(tmp_path / "model").transform(images), vectors)
    grey = PretrainedFeatures(dinov2, size=21).fit_transform(images[..., :1])
    assert grey.shape == (3, 24)


def test_what_was_cut_out_is_what_the_network_saw(dinov2):
    """DINOv2's file says 256, of which 224 were cut out; ours sees the whole picture, at 224."""
    seen = {"size": {"shortest_edge": 64}, "crop_size": {"height": 56, "width": 56}}
    (dinov2 / "preprocessor_config.json").write_text(json.dumps({"do_center_crop": True, **seen}))
    try:
        assert PretrainedFeatures(dinov2).fit(photographs()).network_shape_ == (56, 56, 3)
        (dinov2 / "preprocessor_config.json").write_text(
            json.dumps({"do_center_crop": False, **seen})
        )
        assert PretrainedFeatures(dinov2).fit(photographs()).network_shape_ == (64, 64, 3)
    finally:
        (dinov2 / "preprocessor_config.json").unlink()


def test_vectors_of_length_one(dinov2):
    images = photographs()
    vectors = PretrainedFeatures(dinov2, size=14).fit_transform(images)
    unit = PretrainedFeatures(dinov2, size=14, normalize=True).fit_transform(images)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=1e-5)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(unit * lengths, vectors, atol=1e-5)


@pytest.mark.parametrize(
    ("ours", "family", "theirs"),
    [
        ("class_token", "dinov2", "embeddings.cls_token"),
        ("positions", "dinov2", "embeddings.position_embeddings"),
        ("patch.kernel", "dinov2", "embeddings.patch_embeddings.projection.weight"),
        ("blocks.10.norm1.scale", "dinov2", "encoder.layer.10.norm1.weight"),
        (
            "blocks.0.attention.query.bias",
            "dinov2",
            "encoder.layer.0.attention.attention.query.bias",
        ),
        (
            "blocks.0.attention.out.kernel",
            "dinov2",
            "encoder.layer.0.attention.output.dense.weight",
        ),
        ("blocks.3.scale2", "dinov2", "encoder.layer.3.layer_scale2.lambda1"),
        ("blocks.3.fc1.kernel", "dinov2", "encoder.layer.3.mlp.fc1.weight"),
        ("norm.bias", "dinov2", "layernorm.bias"),
        ("class_token", "clip", "embeddings.class_embedding"),
        ("positions", "clip", "embeddings.position_embedding.weight"),
        ("patch.kernel", "clip", "embeddings.patch_embedding.weight"),
        ("pre_norm.scale", "clip", "pre_layrnorm.weight"),
        ("blocks.0.norm2.bias", "clip", "encoder.layers.0.layer_norm2.bias"),
        ("blocks.0.attention.value.kernel", "clip", "encoder.layers.0.self_attn.v_proj.weight"),
        ("blocks.11.attention.out.bias", "clip", "encoder.layers.11.self_attn.out_proj.bias"),
        ("blocks.0.fc2.bias", "clip", "encoder.layers.0.mlp.fc2.bias"),
        ("norm.scale", "clip", "post_layernorm.weight"),
        ("projection.kernel", "clip", "visual_projection.weight"),
    ],
)
def test_names_in_published_files(ours, family, theirs):
    """Written down from files that transformers saved, less "dinov2." and "vision_model."."""
    assert our_name_in_theirs(ours, family) == theirs


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"model_type": "vit"},
            r"has model_type 'vit': expected 'resnet', 'dinov2', 'clip', 'clip_vision_model'",
        ),
        ({"model_type": "dinov2_with_registers"}, r"has model_type 'dinov2_with_registers'"),
        ({"model_type": ["dinov2"]}, r"has model_type \['dinov2'\]: expected 'resnet'"),
        ({"model_type": "clip"}, r"config.json has no vision_config: fetch it again"),
        ({"use_swiglu_ffn": True}, r"has use_swiglu_ffn True: expected False"),
        ({"qkv_bias": False}, r"has qkv_bias False: expected True"),
        ({"hidden_act": "relu"}, r"has hidden_act 'relu': expected 'gelu'"),
        ({"layer_norm_eps": 1e-3}, r"has layer_norm_eps 0.001: expected 1e-06"),
        ({"hidden_size": "24"}, r"config.json has sizes that are no whole numbers|to be an int"),
        ({"patch_size": 0}, r"config.json has sizes that are no whole numbers: fetch it again"),
        ({"num_attention_heads": 5}, r"expected width to be a multiple of n_heads=5, got 24"),
        (
            {"num_hidden_layers": 3},
            r"does not fit its config.json: expected encoder.layer.2.* got none: fetch both",
        ),
        (
            {"image_size": 28},
            r"expected embeddings.position_embeddings to become \[17, 24\], got \[26, 24\]",
        ),
    ],
)
def test_folders_that_are_refused(dinov2, change, message, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({**DINOV2, **change}))
    (tmp_path / "model.safetensors").write_bytes((dinov2 / "model.safetensors").read_bytes())
    with pytest.raises(InputError, match=message):
        PretrainedFeatures(tmp_path).fit(photographs())


def test_images_smaller_than_a_patch_are_refused(dinov2):
    with pytest.raises(InputError, match=r"at least 7x7, a patch, got 6x6: enlarge them first"):
        PretrainedFeatures(dinov2, size=6).fit(photographs())


def test_zeros_have_no_length_to_change():
    X = np.array([[3, 4], [0, 0]], np.float32)
    np.testing.assert_allclose(pretrained.unit_length(X), [[0.6, 0.8], [0, 0]], rtol=1e-6)


def test_images_that_lie_in_a_file(dinov2, tmp_path):
    images = photographs(5)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    features = PretrainedFeatures(dinov2, size=14)
    np.testing.assert_array_equal(features.fit_transform(mapped), features.fit_transform(images))
