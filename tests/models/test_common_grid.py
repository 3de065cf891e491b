"""common_grid: the finer of two maps is averaged onto the coarser one's grid, or refused."""

import pytest
import torch

from mimco_mm.models.utils import common_grid, global_average


def pooled(fine: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """The mean over the patches that make up each coarse patch, one at a time."""
    batch, channels, height, width = fine.shape
    down, right = height // rows, width // columns
    out = torch.empty(batch, channels, rows, columns, dtype=fine.dtype)
    for b in range(batch):
        for c in range(channels):
            for i in range(rows):
                for j in range(columns):
                    total = sum(fine[b, c, i * down + y, j * right + x].item()
                                for y in range(down) for x in range(right))
                    out[b, c, i, j] = total / (down * right)
    return out


def maps(grid, grid_k):
    torch.manual_seed(0)
    return (torch.randn(2, 3, *grid, dtype=torch.float64),
            torch.randn(2, 3, *grid_k, dtype=torch.float64))


FINER = [((3, 4), (6, 8)), ((2, 2), (6, 6)), ((2, 3), (2, 6)), ((1, 1), (3, 5)), ((3, 4), (9, 8))]


@pytest.mark.parametrize('coarse, fine', FINER)
def test_common_grid__finer_teacher_is_averaged(coarse, fine):
    z, z_k = maps(coarse, fine)
    got, got_k = common_grid(z, z_k)
    assert got is z
    torch.testing.assert_close(got_k, pooled(z_k, *coarse), rtol=0, atol=1e-12)


@pytest.mark.parametrize('coarse, fine', FINER)
def test_common_grid__finer_student_is_averaged_and_keeps_its_gradient(coarse, fine):
    z, z_k = maps(fine, coarse)
    z.requires_grad_()
    got, got_k = common_grid(z, z_k)
    assert got_k is z_k
    torch.testing.assert_close(got.detach(), pooled(z.detach(), *coarse), rtol=0, atol=1e-12)
    got.sum().backward()
    share = coarse[0] * coarse[1] / (fine[0] * fine[1])
    torch.testing.assert_close(z.grad, torch.full_like(z, share))


def test_common_grid__equal_grids_are_left_alone():
    z, z_k = maps((3, 4), (3, 4))
    got, got_k = common_grid(z, z_k)
    assert got is z and got_k is z_k


@pytest.mark.parametrize('grid, grid_k', FINER)
def test_common_grid__global_averages_stay_the_same(grid, grid_k):
    for pair in (maps(grid, grid_k), maps(grid_k, grid)):
        for before, after in zip(pair, common_grid(*pair)):
            torch.testing.assert_close(global_average(after), global_average(before), rtol=0,
                                       atol=1e-12)


@pytest.mark.parametrize('grid, grid_k', [
    ((3, 4), (4, 4)), ((7, 7), (16, 16)), ((14, 14), (4, 4)), ((2, 4), (4, 2)), ((4, 4), (4, 6))])
def test_common_grid__grids_without_a_counterpart_are_refused(grid, grid_k):
    with pytest.raises(ValueError, match=(
            f'student has {grid[0]} x {grid[1]} patches, the teacher {grid_k[0]} x {grid_k[1]}: '
            '.*`model.target_generator.input_size`')):
        common_grid(*maps(grid, grid_k))
