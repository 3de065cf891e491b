# Detection and segmentation: mmdet's and mmseg's recipes, a backbone that was pre-trained here.
custom_imports = dict(imports=['mimco_mm'], allow_failed_imports=False)
runner_type = 'mmpretrain.TransferRunner'  # checks the data before the first step
custom_hooks = [dict(type='mmpretrain.RunIdentityHook'), dict(type='mmpretrain.DataRecordHook')]
randomness = dict(seed=0)
# custom_imports come after all bases are read, and of the maintained packages 'mmseg::' is found
# only once mimco_mm is imported: whatever program reads these configs, it is.
__import__('mimco_mm')
