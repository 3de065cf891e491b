"""MimCo's Algorithm 1 and Eqs. (1)-(4) as plain loops over Python floats (float64).

Nothing is vectorised, so keep sizes small (a few images, channels and positions). Tensors are only
containers: arguments are anything ``torch.as_tensor`` reads, results are floats and float64 tensors
without a graph. A finite difference in p1's weights equals the gradient only at momentum 1: below
that p1 also reaches the keys through p3, where training stops the gradient.
"""
import math
from collections.abc import Sequence
from typing import Any

import torch

Vector = list[float]
Maps = list[list[list[list[float]]]]  # [image][channel][row][column]
Position = tuple[int, int, int]  # image, row, column
HeadWeights = dict[str, Any]  # w1, b1, gamma, beta, w2, b2


def to_lists(values: Any) -> Any:
    """Nested lists of Python floats, whatever container comes in."""
    return torch.as_tensor(values, dtype=torch.float64).tolist()


def to_tensor(values: Any) -> torch.Tensor:
    """The way back: a float64 tensor."""
    return torch.tensor(values, dtype=torch.float64)


def dot(a: Vector, b: Vector) -> float:
    """Inner product of two vectors of one length."""
    if len(a) != len(b):
        raise ValueError(f'vectors of length {len(a)} and {len(b)}')
    total = 0.0
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


def _normalized(vector: Vector) -> Vector:
    norm = max(math.sqrt(dot(vector, vector)), 1e-12)  # torch's floor: a zero vector stays zero
    return [value / norm for value in vector]


def _mean_vector(vectors: list[Vector]) -> Vector:
    if not vectors:
        raise ValueError('the mean of no vectors is undefined')
    mean = []
    for c in range(len(vectors[0])):
        total = 0.0
        for vector in vectors:
            total += vector[c]
        mean.append(total / len(vectors))
    return mean


def l2_normalize(vector: Any) -> torch.Tensor:
    """v / |v| of one vector."""
    return to_tensor(_normalized(to_lists(vector)))


def info_nce(q: Any, k: Any, queue: Any, temperature: float) -> float:
    """Eq. (1) and Eq. (3): mean over rows i of -log(e_pos / (e_pos + sum_j e_neg_j)).

    The negatives of row i are q_i . queue_j: the q_j printed in Eq. (1) is read as q_i, as in
    Eq. (3). q and k are (N, D) and queue is (K, D), one key a row; the caller normalises all rows.
    """
    q_rows, k_rows, queue_rows = to_lists(q), to_lists(k), to_lists(queue)
    if len(q_rows) != len(k_rows) or not q_rows:
        raise ValueError(f'{len(q_rows)} queries and {len(k_rows)} keys')
    total = 0.0
    for i in range(len(q_rows)):
        positive = math.exp(dot(q_rows[i], k_rows[i]) / temperature)
        negatives = 0.0
        for key in queue_rows:
            negatives += math.exp(dot(q_rows[i], key) / temperature)
        total += -math.log(positive / (positive + negatives))
    return total / len(q_rows)


def _conv1x1(x: Maps, weight: Any, bias: Any) -> Maps:
    """out[b][o][h][w] = bias[o] + sum_c weight[o][c] x[b][c][h][w]."""
    weight = torch.as_tensor(weight, dtype=torch.float64)
    weight = weight.reshape(weight.shape[0], weight.shape[1]).tolist()  # (O, C, 1, 1) or (O, C)
    bias = to_lists(bias)
    if len(weight[0]) != len(x[0]):
        raise ValueError(f'a weight for {len(weight[0])} channels on a map of {len(x[0])}')
    out = []
    for image in x:
        out_image = []
        for o in range(len(weight)):
            out_map = []
            for h in range(len(image[0])):
                out_row = []
                for w in range(len(image[0][0])):
                    value = bias[o]
                    for c in range(len(image)):
                        value += weight[o][c] * image[c][h][w]
                    out_row.append(value)
                out_map.append(out_row)
            out_image.append(out_map)
        out.append(out_image)
    return out


def _batch_norm(x: Maps, gamma: Any, beta: Any, eps: float) -> Maps:
    """Train-mode BN: each channel's mean and biased variance over batch and positions."""
    gamma, beta = to_lists(gamma), to_lists(beta)
    batch, channels, height, width = len(x), len(x[0]), len(x[0][0]), len(x[0][0][0])
    count = batch * height * width
    out = torch.zeros(batch, channels, height, width, dtype=torch.float64).tolist()
    for c in range(channels):
        mean = 0.0
        for b in range(batch):
            for h in range(height):
                for w in range(width):
                    mean += x[b][c][h][w] / count
        variance = 0.0
        for b in range(batch):
            for h in range(height):
                for w in range(width):
                    variance += (x[b][c][h][w] - mean) ** 2 / count
        for b in range(batch):
            for h in range(height):
                for w in range(width):
                    normed = (x[b][c][h][w] - mean) / math.sqrt(variance + eps)
                    out[b][c][h][w] = gamma[c] * normed + beta[c]
    return out


def _relu(x: Maps) -> Maps:
    return [
        [[[max(value, 0.0) for value in row] for row in plane] for plane in image] for image in x
    ]


def two_layer_conv(
    x: Any, w1: Any, b1: Any, gamma: Any, beta: Any, w2: Any, b2: Any, eps: float = 1e-5
) -> torch.Tensor:
    """Each of p1, p2, p3 of section 3.2: 1x1 conv, BN on batch statistics, ReLU, 1x1 conv.

    x is (B, C, H, W). On a (B, C, 1, 1) map this is the two-layer MLP of the image level.
    """
    hidden = _conv1x1(to_lists(x), w1, b1)
    hidden = _relu(_batch_norm(hidden, gamma, beta, eps))
    return to_tensor(_conv1x1(hidden, w2, b2))


def global_average(x: Any) -> torch.Tensor:
    """avg(z) of Algorithm 1: mean over all positions, masked ones too; (B, C, 1, 1)."""
    x = to_lists(x)
    out = []
    for image in x:
        out_image = []
        for plane in image:
            total, count = 0.0, 0
            for row in plane:
                for value in row:
                    total += value
                    count += 1
            out_image.append([[total / count]])
        out.append(out_image)
    return to_tensor(out)


def all_positions(batch: int, height: int, width: int) -> list[Position]:
    """Every (image, row, column): image by image, each in row-major order."""
    return [(b, h, w) for b in range(batch) for h in range(height) for w in range(width)]


def masked_positions(mask: Any) -> list[Position]:
    """The positions where the (B, H, W) mask is 1, in the order of ``all_positions``."""
    mask = to_lists(mask)
    chosen = []
    for b, h, w in all_positions(len(mask), len(mask[0]), len(mask[0][0])):
        if mask[b][h][w] not in (0.0, 1.0):
            raise ValueError(f'mask values are 0 or 1, got {mask[b][h][w]}')
        if mask[b][h][w] == 1.0:
            chosen.append((b, h, w))
    return chosen


def _vectors_at(x: Maps, positions: Sequence[Position]) -> list[Vector]:
    """The channel vector at each position: z[m] of Algorithm 1, one row a position."""
    return [[x[b][c][h][w] for c in range(len(x[b]))] for b, h, w in positions]


class PlainQueue:
    """FIFO of K keys as a list of rows: each new key overwrites the oldest, wherever that lies."""

    def __init__(self, size: int, dim: int, keys: Any, pointer: int = 0) -> None:
        """keys is (size, dim), one key a row; pointer is the slot of the oldest key."""
        self.size = size
        self.dim = dim
        self.keys = to_lists(keys)
        self.pointer = pointer
        if len(self.keys) != size or any(len(key) != dim for key in self.keys):
            raise ValueError(f'expected {size} keys of {dim} values')
        if not 0 <= pointer < size:
            raise ValueError(f'pointer {pointer} lies outside a queue of {size}')

    def enqueue(self, new_keys: Any) -> None:
        """Write (N, dim) keys one by one; any N, also one larger than the queue."""
        for key in to_lists(new_keys):
            if len(key) != self.dim:
                raise ValueError(f'expected a key of {self.dim} values, got {len(key)}')
            self.keys[self.pointer] = key
            self.pointer += 1
            if self.pointer == self.size:
                self.pointer = 0

    def copy(self) -> 'PlainQueue':
        """A queue that shares nothing with this one."""
        return PlainQueue(self.size, self.dim, self.keys, self.pointer)

    def tensor(self) -> torch.Tensor:
        """The keys as a (size, dim) tensor."""
        return to_tensor(self.keys)


def _ema_values(old: Any, new: Any, momentum: float) -> Any:
    if isinstance(old, list):
        return [_ema_values(o, n, momentum) for o, n in zip(old, new)]
    return momentum * old + (1.0 - momentum) * new


def ema_head(p3: HeadWeights, p1: HeadWeights, momentum: float) -> dict[str, torch.Tensor]:
    """p3 <- momentum p3 + (1 - momentum) p1, for each weight, bias, gamma and beta."""
    out = {}
    for name in ('w1', 'b1', 'gamma', 'beta', 'w2', 'b2'):
        if torch.as_tensor(p3[name]).shape != torch.as_tensor(p1[name]).shape:
            raise ValueError(f'p1 and p3 differ in the shape of {name}')
        out[name] = to_tensor(_ema_values(to_lists(p3[name]), to_lists(p1[name]), momentum))
    return out


def mimco_step(
    z: Any,
    z_k: Any,
    mask: Any | None,
    weights: dict[str, dict[str, HeadWeights]],
    queues: dict[str, PlainQueue],
    temperature: float,
    momentum: float,
    patch_queue_key: str = 'all',
) -> dict[str, Any]:
    """One pass through the loop of Algorithm 1; z = f(x, m) and z_k = f'(x) are (B, C, H, W).

    Order: p3 follows p1 at both levels, then for the patch level and for the image level the keys
    and queries, the loss on the old queue, and only then the enqueueing. The inputs are left alone.

    mask is (B, H, W) on the feature grid, 1 = masked, or None: all positions count. ``weights``
    is level -> p1, p2, p3 -> w1, b1, gamma, beta, w2, b2, and ``queues`` is level -> queue; a level
    ('patch' or 'image') that ``weights`` lacks is left out. ``patch_queue_key`` says which
    positions of p3(z_k) are averaged into an image's queue key: 'all' (text of 3.2) or 'masked'
    (Algorithm 1). With unequal counts of masked positions, the patch loss is the mean over all
    rows of the batch.

    The result holds, for each level: loss_L, q_L, k_L (normalised rows), key_L (the rows enqueued),
    queue_L, pointer_L and p3_L (all after the step); and 'loss', their sum, and 'queues', the
    queues after the step.
    """
    if patch_queue_key not in ('all', 'masked'):
        raise ValueError(f"patch_queue_key is 'all' or 'masked', got {patch_queue_key!r}")
    z, z_k = to_tensor(to_lists(z)), to_tensor(to_lists(z_k))
    batch, _, height, width = z.shape
    queues = {level: queue.copy() for level, queue in queues.items()}
    result: dict[str, Any] = {'loss': 0.0}

    for level in weights:
        p3 = ema_head(weights[level]['p3'], weights[level]['p1'], momentum)
        result[f'p3_{level}'] = p3

    # Patch level: Eq. (1) with the q and k of Eq. (2).
    if 'patch' in weights:
        queue = queues['patch']
        positions = all_positions(batch, height, width) if mask is None else masked_positions(mask)
        projected = two_layer_conv(z, **weights['patch']['p1'])
        student = to_lists(two_layer_conv(projected, **weights['patch']['p2']))
        teacher = to_lists(two_layer_conv(z_k, **result['p3_patch']))
        q = [_normalized(row) for row in _vectors_at(student, positions)]
        k = [_normalized(row) for row in _vectors_at(teacher, positions)]
        result['loss_patch'] = info_nce(q, k, queue.keys, temperature)

        averaged = positions
        if patch_queue_key == 'all':
            averaged = all_positions(batch, height, width)
        new_keys = []
        for b in range(batch):
            own = [position for position in averaged if position[0] == b]
            new_keys.append(_normalized(_mean_vector(_vectors_at(teacher, own))))
        queue.enqueue(new_keys)
        result.update(q_patch=to_tensor(q), k_patch=to_tensor(k), key_patch=to_tensor(new_keys))

    # Image level: Eq. (3) with the q and k of Eq. (4).
    if 'image' in weights:
        queue = queues['image']
        positions = all_positions(batch, 1, 1)
        projected = two_layer_conv(global_average(z), **weights['image']['p1'])
        student = to_lists(two_layer_conv(projected, **weights['image']['p2']))
        teacher = to_lists(two_layer_conv(global_average(z_k), **result['p3_image']))
        q = [_normalized(row) for row in _vectors_at(student, positions)]
        k = [_normalized(row) for row in _vectors_at(teacher, positions)]
        result['loss_image'] = info_nce(q, k, queue.keys, temperature)

        queue.enqueue(k)
        result.update(q_image=to_tensor(q), k_image=to_tensor(k), key_image=to_tensor(k))

    for level in weights:
        result['loss'] += result[f'loss_{level}']
        result[f'queue_{level}'] = queues[level].tensor()
        result[f'pointer_{level}'] = queues[level].pointer
    result['queues'] = queues
    return result


def cosine_momentum(step: int, total: int, base: float = 0.99) -> float:
    """MoBY's momentum: base at step 0, 1 at step ``total``, half a cosine between."""
    return 1.0 - (1.0 - base) * (math.cos(math.pi * step / total) + 1.0) / 2.0
