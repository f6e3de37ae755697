"""The default convolutional autoencoder in PyTorch, with the parameters of ours, for
`bench_autoencoder`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]
from torch.nn import functional  # pyright: ignore[reportMissingImports]


class Autoencoder(nn.Module):
    """The layers of `scratchclust.models.ConvAutoencoder` with its default spec, [n c h w]."""

    def __init__(self, ours: Any) -> None:
        super().__init__()
        self.encoder = nn.ModuleList(_conv(layer.conv, stride=2) for layer in ours.encoder.layers)
        self.height, self.width, self.channels = ours.decoder.grid
        self.to_code, self.from_code = _dense(ours.to_code), _dense(ours.decoder.from_code)
        self.decoder = nn.ModuleList(
            _conv(layer.conv, stride=1, to_space=True) for layer in ours.decoder.layers
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = images
        for conv in self.encoder:
            features = functional.relu(
                conv(functional.pad(features, (0, 1, 0, 1)))
            )  # "SAME" where sides are even
        flat = features.permute(0, 2, 3, 1).flatten(1)
        grid = functional.relu(self.from_code(self.to_code(flat)))
        features = grid.unflatten(1, (self.height, self.width, self.channels)).permute(0, 3, 1, 2)
        for i, conv in enumerate(self.decoder):
            features = functional.pixel_shuffle(conv(features), 2)
            features = functional.relu(features) if i + 1 < len(self.decoder) else features
        return torch.sigmoid(features)


def runs(
    ours: Any,
    images: np.ndarray,
    n_steps: int,
    batch_size: int,
    learning_rate: float,
    *,
    channels_last: bool,
) -> dict[str, Callable[[], dict[str, Any]]]:
    """The functions "steps" and "epoch", each of which trains anew from the parameters of ours."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.allow_tf32 = False  # float32, as ours and as its linear layers
    layout = torch.channels_last if channels_last else torch.contiguous_format
    stored = (
        torch.from_numpy(images.transpose(0, 3, 1, 2)).to(device).contiguous(memory_format=layout)
    )

    def train(one_batch: bool) -> dict[str, Any]:
        torch.manual_seed(0)
        model = Autoencoder(ours).to(device=device, memory_format=layout)  # pyright: ignore[reportCallIssue]
        optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
        order = torch.randperm(len(images), device=device)
        loss = torch.zeros(())
        for step in range(n_steps):
            begin = step * batch_size
            batch = stored[:batch_size] if one_batch else stored[order[begin : begin + batch_size]]
            pixels = batch.float() / 255
            loss = ((model(pixels) - pixels) ** 2).sum() / batch_size
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            value = loss.item()  # the loop looks at every loss, to stop at a NaN
        return {"loss": value} if one_batch else {}

    return {"steps": lambda: train(True), "epoch": lambda: train(False)}


def _conv(ours: Any, *, stride: int, to_space: bool = False) -> nn.Conv2d:
    kernel, bias = _array(ours.kernel), _array(ours.bias)
    if to_space:  # torch has the channels before the squares, ours after them
        kernel = kernel.reshape(*kernel.shape[:3], 4, -1).swapaxes(3, 4).reshape(kernel.shape)
        bias = bias.reshape(4, -1).T.ravel()
    conv = nn.Conv2d(
        kernel.shape[2], kernel.shape[3], kernel.shape[0], stride, padding=0 if stride == 2 else 1
    )
    conv.weight.data = torch.tensor(kernel.transpose(3, 2, 0, 1))
    conv.bias.data = torch.tensor(bias)  # pyright: ignore[reportOptionalMemberAccess]
    return conv


def _dense(ours: Any) -> nn.Linear:
    kernel = _array(ours.kernel)
    dense = nn.Linear(*kernel.shape)
    dense.weight.data, dense.bias.data = torch.tensor(kernel.T), torch.tensor(_array(ours.bias))
    return dense


def _array(variable: Any) -> Any:
    return np.array(variable[...])
