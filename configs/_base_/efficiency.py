# Time and memory: what changes no result, but for rounding, and views_by for other random numbers.
# What does is everywhere else below configs/. Figures: docs/speed.md.
accelerate = True  # layers that compute the same in less time
compile_blocks = False  # torch.compile of each block, for some minutes at the start
views_by = 'auto'  # who makes MoBY's and MoCo v3's: the device if it is a GPU, else the workers
fsdp = False  # weights, gradients and the optimizer's state in parts, one on each GPU

# Taken by name, as **_base_.NAME, where a run has such a part:
loading = dict(num_workers=8, persistent_workers=True)  # of each GPU; --workers
in_memory = dict(num_workers=0, persistent_workers=False)  # of images that were read once
copying = dict(non_blocking=True)  # to the GPU, from pinned memory: --no-pin-memory
decoding = dict(type='collate_decoded')  # by the workers; collate_coded: on the GPU (docs/data.md)
autocast = dict(type='AutocastOptimWrapper')  # bfloat16, --amp; SimMIM, MoBY: apex O1; iBOT: fp16
merged = dict(constructor='MergedGroupsConstructor')  # few groups of parameters, of equal settings
fused = dict(fused=True)  # AdamW in one kernel for each of them
