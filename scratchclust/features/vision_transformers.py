"""DINOv2 and CLIP's picture half in Hugging Face's layout: what their config.json says, and where
their arrays stand.

| here | transformers' Dinov2Model | its CLIPVisionModel |
|---|---|---|
| patch | embeddings.patch_embeddings.projection | embeddings.patch_embedding |
| class_token | embeddings.cls_token | embeddings.class_embedding |
| positions | embeddings.position_embeddings | embeddings.position_embedding.weight |
| pre_norm | | pre_layrnorm |
| blocks[i] | encoder.layer.i | encoder.layers.i |
| .norm1, .norm2 | .norm1, .norm2 | .layer_norm1, .layer_norm2 |
| .attention.query, .key, .value | .attention.attention.query, ... | .self_attn.q_proj, ... |
| .attention.out | .attention.output.dense | .self_attn.out_proj |
| .scale1, .scale2 | .layer_scale1.lambda1, ... | |
| .fc1, .fc2 | .mlp.fc1, .mlp.fc2 | .mlp.fc1, .mlp.fc2 |
| norm | layernorm | post_layernorm |
| projection | | visual_projection |

where our kernels and scales are their weights. A whole CLIP, and a network with a head for classes,
have these names behind "vision_model." and "dinov2.", beside others that are left out.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np

from scratchclust.errors import InputError
from scratchclust.models import VisionTransformerSpec

FAMILY_OF = {"dinov2": "dinov2", "clip": "clip", "clip_vision_model": "clip"}  # by model_type
PLAIN = {  # what is computed; other values make another network
    "dinov2": {"num_channels": 3, "qkv_bias": True, "use_swiglu_ffn": False, "hidden_act": "gelu"},
    "clip": {"num_channels": 3},
}
DEFAULTS: dict[str, dict[str, Any]] = {  # transformers', which its files may leave out
    "dinov2": {"patch_size": 14, "image_size": 224, "layer_norm_eps": 1e-6, "hidden_act": "gelu"},
    "clip": {
        "patch_size": 32,
        "image_size": 224,
        "layer_norm_eps": 1e-5,
        "hidden_act": "quick_gelu",
        "intermediate_size": 3072,
    },
}
SIZES = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "mlp_ratio": 4}
CLIP_SCALE = {
    "mean": (0.48145466, 0.4578275, 0.40821073),
    "std": (0.26862954, 0.26130258, 0.27577711),
}
_PLACES = {  # patterns in our names, and what stands there in theirs
    "dinov2": (
        (r"^patch\.", "embeddings.patch_embeddings.projection."),
        (r"^class_token$", "embeddings.cls_token"),
        (r"^positions$", "embeddings.position_embeddings"),
        (r"^blocks\.(\d+)\.", r"encoder.layer.\1."),
        (r"\.attention\.out\.", ".attention.output.dense."),
        (r"\.attention\.(query|key|value)\.", r".attention.attention.\1."),
        (r"\.scale([12])$", r".layer_scale\1.lambda1"),
        (r"\.(fc[12])\.", r".mlp.\1."),
        (r"^norm\.", "layernorm."),
        (r"\.(kernel|scale)$", ".weight"),
    ),
    "clip": (
        (r"^patch\.", "embeddings.patch_embedding."),
        (r"^class_token$", "embeddings.class_embedding"),
        (r"^positions$", "embeddings.position_embedding.weight"),
        (r"^pre_norm\.", "pre_layrnorm."),
        (r"^blocks\.(\d+)\.", r"encoder.layers.\1."),
        (r"\.attention\.out\.", ".self_attn.out_proj."),
        (r"\.attention\.([qkv])(uery|ey|alue)\.", r".self_attn.\1_proj."),
        (r"\.(fc[12])\.", r".mlp.\1."),
        (r"\.norm([12])\.", r".layer_norm\1."),
        (r"^norm\.", "post_layernorm."),
        (r"^projection\.", "visual_projection."),
        (r"\.(kernel|scale)$", ".weight"),
    ),
}


def our_name_in_theirs(name: str, family: str) -> str:
    """Name the place of one of our arrays in transformers' files, without the prefix of a whole
    network.
    """
    for ours, theirs in _PLACES[family]:
        name = re.sub(ours, theirs, name)
    return name


def spec_of(
    config: dict[str, Any], scale: dict[str, Any], theirs: dict[str, np.ndarray], path: Path
) -> VisionTransformerSpec:
    """Give the spec of a network out of its config.json.

    Args:
        config: of the file.
        scale: mean and std of the images.
        theirs: the arrays, which decide whether there is a projection.
        path: of config.json, for messages.

    Raises:
        InputError: it is another network than those two families know.
    """
    family = FAMILY_OF[config["model_type"]]
    given = config.get("vision_config") if config["model_type"] == "clip" else config
    if not isinstance(given, dict):
        raise InputError(f"{path} has no vision_config: fetch it again")
    found = {**SIZES, **DEFAULTS[family], **given}
    for name, value in {
        **PLAIN[family],
        "layer_norm_eps": DEFAULTS[family]["layer_norm_eps"],
    }.items():
        if found.get(name, value) != value:
            raise InputError(f"{path} has {name} {found[name]!r}: expected {value!r}")
    try:
        mlp_width = found["hidden_size"] * found["mlp_ratio"]
        return VisionTransformerSpec(
            family=family,
            patch_size=found["patch_size"],
            grid=found["image_size"] // found["patch_size"],
            width=found["hidden_size"],
            depth=found["num_hidden_layers"],
            n_heads=found["num_attention_heads"],
            mlp_width=found.get("intermediate_size", mlp_width) if family == "clip" else mlp_width,
            activation=found["hidden_act"],
            projection=len(theirs["visual_projection.weight"])
            if "visual_projection.weight" in theirs
            else None,
            **scale,
        )
    except (TypeError, ZeroDivisionError) as error:
        raise InputError(f"{path} has sizes that are no whole numbers: fetch it again") from error
