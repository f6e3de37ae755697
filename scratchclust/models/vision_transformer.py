"""Vision transformers: a picture is cut into patches, and each patch looks at all the others.

    x_0 = [class token, patch(1), patch(2), ...] + positions
    y   = x + attention(norm(x))
    x'  = y + mlp(norm(y)),   mlp(z) = fc2(act(fc1(z)))                 once for each block

    attention(z) = out(softmax(q k^T / sqrt(d)) v),   q, k, v = query(z), key(z), value(z), by heads

The class token, which began with nothing of the picture, has gathered what the network knows of it
in the end. Dosovitskiy et al., "An image is worth 16x16 words", 2021; Vaswani et al., "Attention is
all you need", 2017. Two families, which differ in little:

| | dinov2 | clip |
|---|---|---|
| learned from | 142 million photographs, no labels | 400 million pictures and captions |
| patches | with a bias | without |
| norm before the first block | no | yes |
| what a block adds | times a factor for each channel | as it is |
| act | gelu | quick_gelu, z sigmoid(1.702 z) |
| last norm | of every token | of the class token |
| projection | | to the space it shares with captions |
| epsilon of the norms | 1e-6 | 1e-5 |

Oquab et al., "DINOv2: learning robust visual features without supervision", 2023; Radford et al.,
"Learning transferable visual models from natural language supervision", 2021. Both follow
transformers to the last constant; `scratchclust/features/vision_transformers.py` has the table of
names. DINOv2's weights are published under the Apache-2.0 licence, CLIP's under MIT.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Float32, PRNGKeyArray

from scratchclust.errors import InputError
from scratchclust.models import checks

FAMILIES = ("dinov2", "clip")
EPSILON = {"dinov2": 1e-6, "clip": 1e-5}
ACTIVATIONS = {
    "gelu": lambda z: nnx.gelu(z, approximate=False),
    "quick_gelu": lambda z: z * nnx.sigmoid(1.702 * z),
}
CUBIC = -0.75  # torch's constant in bicubic interpolation; others take -0.5


@dataclass(frozen=True, kw_only=True)
class VisionTransformerSpec:
    """A vision transformer in numbers and words; as it stands, DINOv2's small one.

    Attributes:
        family: "dinov2" or "clip"; the head of the file says what that decides.
        patch_size: height and width of a patch.
        grid: patches along a side of the pictures of the training; for other sizes their positions
            are interpolated.
        width: numbers of a token.
        depth: blocks.
        n_heads: of each attention; they share the width equally.
        mlp_width: numbers between the two layers of each mlp.
        activation: between them, "gelu" or "quick_gelu".
        projection: numbers of the projected class token; None where there is none.
        mean: of each channel of the images in [0, 1], or one number for all; it is subtracted
            first.
        std: likewise; the images are divided by it.

    Raises:
        InputError: a field that cannot be.
    """

    family: str = "dinov2"
    patch_size: int = 14
    grid: int = 37
    width: int = 384
    depth: int = 12
    n_heads: int = 6
    mlp_width: int = 1536
    activation: str = "gelu"
    projection: int | None = None
    mean: Sequence[float | int] = (0.0,)
    std: Sequence[float | int] = (1.0,)

    def __post_init__(self) -> None:
        checks.one_of("family", self.family, FAMILIES)
        checks.one_of("activation", self.activation, ACTIVATIONS)
        for name in ("patch_size", "grid", "width", "depth", "n_heads", "mlp_width"):
            checks.positive_int(name, getattr(self, name), "see config.json of the network")
        if self.projection is not None:
            checks.positive_int("projection", self.projection, "see config.json of the network")
        if self.width % self.n_heads:
            raise InputError(
                f"expected width to be a multiple of n_heads={self.n_heads}, got {self.width}: "
                "each head takes an equal share"
            )
        mean, std = checks.of_channels(self.mean, self.std)
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "std", std)

    def build(self, image_shape: tuple[int, int, int], *, rngs: nnx.Rngs) -> "VisionTransformer":
        """Build the model with fresh parameters, for images of (height, width, channels) or any
        other height and width of at least a patch.
        """
        return VisionTransformer(self, checks.image_shape_of(image_shape)[2], rngs=rngs)


def cubic_matrix(n: int, size: int) -> Float32[np.ndarray, "size n_old"]:
    """Weights R of n old values at `size` new places along an axis, by cubic convolution.

    The new place i lies at u = (i + 1/2) n / size - 1/2 of the old axis and takes part in its four
    neighbours j, at distance t = |j - u|, with a = -3/4:

        (a + 2) t^3 - (a + 3) t^2 + 1                 t <= 1
        a t^3 - 5 a t^2 + 8 a t - 4 a                 1 < t < 2

    A neighbour beyond an end is the value at that end. Nothing is smoothed where the axis shrinks.
    As torch's `interpolate(mode="bicubic")`; Keys, "Cubic convolution interpolation for digital
    image processing", 1981.
    """
    places = (np.arange(size) + 0.5) * n / size - 0.5
    matrix = np.zeros((size, n))
    a = CUBIC
    for step in range(-1, 3):
        neighbours = np.floor(places) + step
        t = np.abs(neighbours - places)
        near = (a + 2) * t**3 - (a + 3) * t**2 + 1
        far = a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a
        weights = np.where(t <= 1, near, far)
        inside = np.clip(neighbours, 0, n - 1).astype(int)
        np.add.at(matrix, (np.arange(size), inside), weights)
    return matrix.astype(np.float32)


class Attention(nnx.Module):
    """Each token asks all tokens, by heads: softmax(q k^T / sqrt(d)) v."""

    def __init__(self, width: int, n_heads: int, *, rngs: nnx.Rngs):
        self.query = nnx.Linear(width, width, rngs=rngs)
        self.key = nnx.Linear(width, width, rngs=rngs)
        self.value = nnx.Linear(width, width, rngs=rngs)
        self.out = nnx.Linear(width, width, rngs=rngs)
        self.n_heads = n_heads

    def __call__(self, tokens: Float[Array, "n t d"]) -> Float[Array, "n t d"]:
        q, k, v = (self._by_heads(layer(tokens)) for layer in (self.query, self.key, self.value))
        scores = jnp.einsum("nqhd,nkhd->nhqk", q, k) / jnp.sqrt(q.shape[3]).astype(q.dtype)
        found = jnp.einsum("nhqk,nkhd->nqhd", nnx.softmax(scores, axis=-1), v)
        return self.out(found.reshape(tokens.shape))

    def _by_heads(self, tokens: Array) -> Array:
        return tokens.reshape(*tokens.shape[:2], self.n_heads, -1)


class Block(nnx.Module):
    """y = x + s1 attention(norm1(x)), then y + s2 mlp(norm2(y)); s1 and s2 are DINOv2's alone."""

    def __init__(self, spec: VisionTransformerSpec, *, rngs: nnx.Rngs):
        self.norm1 = layer_norm(spec, rngs=rngs)
        self.attention = Attention(spec.width, spec.n_heads, rngs=rngs)
        self.norm2 = layer_norm(spec, rngs=rngs)
        self.fc1 = nnx.Linear(spec.width, spec.mlp_width, rngs=rngs)
        self.fc2 = nnx.Linear(spec.mlp_width, spec.width, rngs=rngs)
        self.activation = spec.activation
        self.has_factors = spec.family == "dinov2"
        if self.has_factors:
            self.scale1 = nnx.Param(jnp.ones(spec.width))
            self.scale2 = nnx.Param(jnp.ones(spec.width))

    def __call__(self, tokens: Float[Array, "n t d"]) -> Float[Array, "n t d"]:
        change = self.attention(self.norm1(tokens))
        tokens = tokens + (change * self._factor(self.scale1) if self.has_factors else change)
        change = self.fc2(ACTIVATIONS[self.activation](self.fc1(self.norm2(tokens))))
        return tokens + (change * self._factor(self.scale2) if self.has_factors else change)

    def _factor(self, scale: nnx.Param) -> Array:
        return scale[...].reshape(1, 1, -1)


def layer_norm(spec: VisionTransformerSpec, *, rngs: nnx.Rngs) -> nnx.LayerNorm:
    """Build (z - mean(z)) / sqrt(var(z) + epsilon) times a scale, plus a bias, over each token."""
    # the fast variance, mean of squares less square of mean, loses digits
    epsilon = EPSILON[spec.family]
    return nnx.LayerNorm(spec.width, epsilon=epsilon, use_fast_variance=False, rngs=rngs)


class VisionTransformer(nnx.Module):
    """Patches, blocks, a norm; the features are the class token or the patches.

    Shapes and parameters of DINOv2's small and base and CLIP's ViT-B/32 for 224x224x3:

    | layer | dinov2-small | dinov2-base | clip-vit-base-patch32 |
    |---|---|---|---|
    | block1 ... block12 | 257 x 384 | 257 x 768 | 50 x 768 |
    | patches | 16 x 16 x 384 | 16 x 16 x 768 | 7 x 7 x 768 |
    | pool | 384 | 768 | 768 |
    | projection | | | 512 |
    | parameters | 22,056,192 | 86,579,712 | 87,849,216 |

    "pool" is the class token behind the last norm (transformers' `pooler_output`), "projection"
    that token in the space that CLIP shares with captions (`image_embeds`). "patches" are the other
    tokens as a picture, behind the last norm in DINOv2, before it in CLIP (`last_hidden_state`).
    """

    def __init__(self, spec: VisionTransformerSpec, n_channels: int, *, rngs: nnx.Rngs):
        if {len(spec.mean), len(spec.std)} - {1, n_channels}:
            raise InputError(
                f"expected mean and std of {n_channels} channels, got {spec.mean} and {spec.std}: "
                "give one number for each channel of the images, or one for all"
            )
        self.spec = spec
        self.n_channels = n_channels
        patch = (spec.patch_size, spec.patch_size)
        self.patch = nnx.Conv(
            n_channels,
            spec.width,
            patch,
            strides=patch,
            padding="VALID",  # what is left over at the right and below is not looked at
            use_bias=spec.family == "dinov2",
            rngs=rngs,
        )
        draw = nnx.initializers.normal(0.02)
        self.class_token = nnx.Param(draw(rngs.params(), (spec.width,)))
        self.positions = nnx.Param(draw(rngs.params(), (1 + spec.grid**2, spec.width)))
        self.pre_norm = layer_norm(spec, rngs=rngs) if spec.family == "clip" else None
        self.blocks = nnx.List(Block(spec, rngs=rngs) for _ in range(spec.depth))
        self.norm = layer_norm(spec, rngs=rngs)
        n_out = spec.projection
        self.projection = (
            nnx.Linear(spec.width, n_out, use_bias=False, rngs=rngs) if n_out else None
        )

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Name the layers that `activations` knows, in the order of the layers."""
        blocks = (f"block{i + 1}" for i in range(len(self.blocks)))
        return (*blocks, "patches", "pool", *(("projection",) if self.projection else ()))

    def __call__(
        self, images: Float[Array, "n h w c"], *, key: PRNGKeyArray | None = None
    ) -> Float[Array, "n d"]:
        """The last layer; as `activations` of it.

        Args:
            images: in [0, 1], at least a patch high and wide.
            key: taken so that all networks are called alike; nothing is drawn here.
        """
        return self.activations(images, self.layer_names[-1])

    def activations(self, images: Float[Array, "n h w c"], layer: str) -> Float[Array, "n ..."]:
        """Give the activations of a layer: tokens [n t d] of a block, patches [n h' w' d], or one
        vector [n d].

        Args:
            images: in [0, 1], at least a patch high and wide, with the channels that the model was
                built for.
            layer: one of `layer_names`.

        Raises:
            InputError: other channels, images smaller than a patch, or no such layer.
        """
        checks.layer_is_known(layer, self.layer_names)
        checks.images_have(images, (*images.shape[1:3], self.n_channels))
        if min(images.shape[1:3]) < self.spec.patch_size:
            raise InputError(
                f"expected images of at least {self.spec.patch_size}x{self.spec.patch_size}, a "
                f"patch, got {images.shape[1]}x{images.shape[2]}: enlarge them first"
            )
        picture = self._patches(images)
        tokens = self._tokens(picture)
        for number, block in enumerate(self.blocks, start=1):
            tokens = block(tokens)
            if layer == f"block{number}":
                return tokens
        if layer == "patches":
            patches = self.norm(tokens[:, 1:]) if self.pre_norm is None else tokens[:, 1:]
            return patches.reshape(picture.shape)
        pooled = self.norm(tokens[:, 0])
        return pooled if self.projection is None or layer == "pool" else self.projection(pooled)

    def encode(self, images: Float[Array, "n h w c"]) -> Float[Array, "n d"]:
        """Give the class token behind the last norm; errors of `activations`."""
        return self.activations(images, "pool")

    def _patches(self, images: Array) -> Array:
        mean = jnp.asarray(self.spec.mean, images.dtype).reshape(1, 1, 1, -1)
        std = jnp.asarray(self.spec.std, images.dtype).reshape(1, 1, 1, -1)
        return self.patch((images - mean) / std)

    def _tokens(self, picture: Array) -> Array:
        n, height, width, n_numbers = picture.shape
        class_token = jnp.broadcast_to(self.class_token[...], (n, 1, n_numbers))
        tokens = jnp.concatenate([class_token, picture.reshape(n, -1, n_numbers)], axis=1)
        tokens = tokens + self._positions(height, width)[None]
        return tokens if self.pre_norm is None else self.pre_norm(tokens)

    def _positions(self, height: int, width: int) -> Array:
        """The positions of the class token and of height x width patches."""
        grid = self.spec.grid
        learned = self.positions[...]
        if (height, width) == (grid, grid):
            return learned
        picture = learned[1:].reshape(grid, grid, -1)
        picture = jnp.einsum("Hh,hwd->Hwd", cubic_matrix(grid, height), picture)
        picture = jnp.einsum("Ww,hwd->hWd", cubic_matrix(grid, width), picture)
        return jnp.concatenate([learned[:1], picture.reshape(height * width, -1)])
