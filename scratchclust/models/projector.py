"""What a self-supervised training looks at: features, and behind them a few dense layers whose
output the loss compares. After the training those are thrown away, and the features are kept, which
need not forget what the loss makes views forget (Chen et al., SimCLR, 2020, section 4.2).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from flax import nnx
from jaxtyping import Array, Float

from scratchclust.errors import InputError
from scratchclust.models import checks
from scratchclust.models.layers import HE_NORMAL, LECUN_NORMAL, BatchNorm
from scratchclust.models.resnet import ResNetSpec
from scratchclust.models.strided import StridedSpec


@dataclass(frozen=True, kw_only=True)
class ProjectorSpec:
    """Dense layers in numbers.

    Attributes:
        hidden: units of the layers before the last; () for none: then a projection is linear.
        out: units of the last, without activation.
        batch_norm: normalise between each hidden layer and its ReLU.

    Raises:
        InputError: a field that cannot be.
    """

    hidden: Sequence[int] = (512,)
    out: int = 128
    batch_norm: bool = True

    def __post_init__(self) -> None:
        cure = "give the units of each hidden layer, as (512,), or () for none"
        hidden = (
            () if self.hidden in ((), []) else checks.positive_ints("hidden", self.hidden, cure)
        )
        checks.positive_int("out", self.out, "128 is SimCLR's, 1024 EMP-SSL's")
        checks.boolean("batch_norm", self.batch_norm)
        object.__setattr__(self, "hidden", hidden)

    def build(self, n_features: int, *, rngs: nnx.Rngs) -> "Projector":
        """Build the layers with fresh parameters, for so many features."""
        return Projector(self, n_features, rngs=rngs)


class Projector(nnx.Module):
    """z = W_l relu(norm(W_(l-1) ... x)): [n d] to [n out].

    | layer | shape, for 512 features | parameters |
    |---|---|---|
    | layers[0]: dense without bias | 512 | 262,144 |
    | norms[0], relu | 512 | 1,024 |
    | last: dense | 128 | 65,664 |

    328,832 parameters. Without normalisation the hidden layers have a bias.
    """

    def __init__(self, spec: ProjectorSpec, n_features: int, *, rngs: nnx.Rngs):
        self.spec = spec
        self.layers = nnx.List(
            nnx.Linear(a, b, use_bias=not spec.batch_norm, kernel_init=HE_NORMAL, rngs=rngs)
            for a, b in pairwise((n_features, *spec.hidden))
        )
        self.norms = nnx.List(BatchNorm(b, rngs=rngs) for b in spec.hidden if spec.batch_norm)
        last = (n_features, *spec.hidden)[-1]
        self.last = nnx.Linear(last, spec.out, kernel_init=LECUN_NORMAL, rngs=rngs)

    def __call__(self, features: Float[Array, "n d"]) -> Float[Array, "n out"]:
        """The projection of each row."""
        for i, layer in enumerate(self.layers):
            features = layer(features)
            features = nnx.relu(self.norms[i](features) if self.norms else features)
        return self.last(features)


@dataclass(frozen=True, kw_only=True)
class EncoderProjectorSpec:
    """An encoder and a projector behind it.

    Attributes:
        encoder: a `StridedSpec`, or a `ResNetSpec` with n_classes=None.
        projector: of the dense layers.

    Raises:
        InputError: a field that cannot be.
    """

    encoder: StridedSpec | ResNetSpec = field(default_factory=StridedSpec)
    projector: ProjectorSpec = field(default_factory=ProjectorSpec)

    def __post_init__(self) -> None:
        if not isinstance(self.encoder, StridedSpec | ResNetSpec):
            raise InputError(
                f"expected encoder to be a StridedSpec or a ResNetSpec, got {self.encoder!r}: "
                "write it as StridedSpec(widths=(32, 64, 128))"
            )
        if isinstance(self.encoder, ResNetSpec) and self.encoder.n_classes is not None:
            raise InputError(
                "expected an encoder without a last layer, got one of "
                f"n_classes={self.encoder.n_classes}: write ResNetSpec(..., n_classes=None)"
            )
        if not isinstance(self.projector, ProjectorSpec):
            raise InputError(
                f"expected projector to be a ProjectorSpec, got {self.projector!r}: "
                "write it as ProjectorSpec(hidden=(512,), out=128)"
            )

    def build(self, image_shape: tuple[int, int, int], *, rngs: nnx.Rngs) -> "EncoderProjector":
        """Build the model with fresh parameters, for images of (height, width, channels)."""
        return EncoderProjector(self, checks.image_shape_of(image_shape), rngs=rngs)


class EncoderProjector(nnx.Module):
    """(features, projections) of views: y = encoder(x), z = projector(y)."""

    def __init__(
        self, spec: EncoderProjectorSpec, image_shape: tuple[int, int, int], *, rngs: nnx.Rngs
    ):
        self.spec = spec
        self.encoder = spec.encoder.build(image_shape, rngs=rngs)
        self.projector = spec.projector.build(self.encoder.n_features, rngs=rngs)

    def __call__(
        self, views: Float[Array, "v n h w c"]
    ) -> tuple[Float[Array, "v n d"], Float[Array, "v n out"]]:
        """Give the features and the projections of each view of each image.

        All views are one batch to the normalisation. They lie in it image by image, since a batch
        is spread over devices by its images: so no view leaves its device.

        Args:
            views: of `train.views.make_views`, of any size.

        Raises:
            InputError: other channels than the model was built for, or no views.
        """
        if views.ndim != 5:
            raise InputError(
                f"expected views [v, n, h, w, c], got shape {list(views.shape)}: "
                "one view of each image is images[None]"
            )
        n_views, n = views.shape[:2]
        features = self.encoder(views.swapaxes(0, 1).reshape(n * n_views, *views.shape[2:]))
        projections = self.projector(features)
        return _by_view(features, n_views), _by_view(projections, n_views)

    def encode(self, images: Float[Array, "n h w c"]) -> Float[Array, "n d"]:
        """Give the features of each image; errors of the encoder's `activations`."""
        return self.encoder.encode(images)


def _by_view(rows: Float[Array, "rows d"], n_views: int) -> Float[Array, "v n d"]:
    return rows.reshape(-1, n_views, rows.shape[1]).swapaxes(0, 1)
