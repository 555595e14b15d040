"""The smallest SSD, and a training loop as a user of PyTorch writes it."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

CLASSES = 4
"""Three, and the background."""


class TinyNet(nn.Module):  # type: ignore[misc]
    """Scores (B, N, 4) and offsets (B, N, 4) for N = 147 anchors, three at each of 7 x 7 places."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, stride=4), nn.ReLU(), nn.AdaptiveAvgPool2d(7))
        self.head = nn.Conv2d(8, 3 * (CLASSES + 4), 1)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = self.head(self.features(images)).flatten(2).unflatten(1, (3, -1))  # (B, 3, 8, 49)
        found = found.transpose(2, 3).flatten(1, 2)
        return found[..., :CLASSES], found[..., CLASSES:]


def steps(network: nn.Module, loader: Any, epochs: int, device: str = "cpu") -> list[float]:
    """Train in mixed precision; return the loss of each step."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    scaler = torch.amp.GradScaler(device, enabled=device == "cuda")
    losses = []
    for _ in range(epochs):
        for batch in loader:
            images, classes, offsets = batch.to(device, non_blocking=True)
            with torch.autocast(device, dtype=torch.bfloat16):
                scores, found = network(images)
                positive = classes > 0
                far = functional.smooth_l1_loss(found[positive], offsets[positive], reduction="sum")
                loss = functional.cross_entropy(scores.flatten(0, 1), classes.flatten()) + far / classes.numel()
            optimizer.zero_grad(set_to_none=True)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            losses.append(float(loss.detach()))
    return losses
