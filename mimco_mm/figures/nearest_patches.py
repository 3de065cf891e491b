from typing import List, NamedTuple, Sequence

import torch
from torch.nn import functional as F


class Hit(NamedTuple):
    """The best patch of an image for a query; see ``NearestPatches``."""

    similarity: float
    row: int
    patch: int


class NearestPatches:
    """For each query, the k images with the most similar patch, as batches of images pass.

    Of an image only its best patch counts. Of a batch nothing is kept but the similarity, row and
    patch of those k, so that memory does not grow with the images. Of equal similarities the
    earlier row and the earlier patch come first, whatever the size of the batches.

    Args:
        queries: (Q, C), features of the query patches.
        own_rows: (Q,), the row of the image that each query is from, whose patches do not count;
            -1 if it is none of those that pass.
        k: images to find.

    Attributes:
        similarity: (Q, k), cosine, largest first; -inf where fewer images passed.
        rows: (Q, k), of the images.
        patches: (Q, k), numbered row by row over the map.
    """

    def __init__(self, queries: torch.Tensor, own_rows: torch.Tensor, k: int) -> None:
        self.queries = F.normalize(queries.float(), dim=1)
        self.own_rows = own_rows.to(queries.device)
        self.similarity = self.queries.new_full((len(queries), k), float('-inf'))
        self.rows = self.own_rows.new_full((len(queries), k), -1)
        self.patches = self.rows

    def update(self, maps: torch.Tensor, rows: torch.Tensor) -> None:
        """Compare the patches of some more images.

        Args:
            maps: (B, C, h, w).
            rows: (B,), the images' numbers, larger than those of earlier batches.
        """
        rows = rows.to(maps.device).expand(len(self.queries), -1)               # (Q, B)
        tokens = F.normalize(maps.float().flatten(2), dim=1)                    # (B, C, N)
        best, patches = torch.einsum('qc,bcn->qbn', self.queries, tokens).max(2)
        best = best.masked_fill(rows == self.own_rows[:, None], float('-inf'))
        best, order = torch.cat((self.similarity, best), 1).sort(stable=True, descending=True)
        order = order[:, :self.rows.shape[1]]
        # clones, for a slice would keep all of its batch
        self.similarity = best[:, :order.shape[1]].clone()
        self.rows = torch.cat((self.rows, rows), 1).gather(1, order)
        self.patches = torch.cat((self.patches, patches), 1).gather(1, order)

    def hits(self) -> List[List[Hit]]:
        """For each query what was found, most similar first."""
        return [[Hit(*hit) for hit in zip(*found) if hit[1] >= 0] for found in zip(
            self.similarity.tolist(), self.rows.tolist(), self.patches.tolist())]


def features_at(maps: torch.Tensor, patches: Sequence[int]) -> torch.Tensor:
    """Features (B, C) of one patch of each map (B, C, h, w), numbered row by row."""
    return maps.flatten(2)[range(len(maps)), :, list(patches)]
