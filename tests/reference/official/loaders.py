"""What the authors' loaders demand of a file, and what they make of it.

Each takes the content of a file and the state dict of the code's own network, classifier included,
and gives that state after the loading. Tensors that a loader does not find keep the network's
values without a word, as ``load_state_dict(strict=False)`` has it. Sources: ``load_pretrained`` of
utils.py in Swin-Transformer, SimMIM and Transformer-SSL; main.py of deit, main_finetune.py of mae,
main_lincls.py of moco-v3; ``load_pretrained_weights`` of utils.py in dino and ibot.
"""

HEAD = ('head.weight', 'head.bias')


def _load(network: dict, state: dict) -> dict:
    """Not strict about names; a tensor of another shape is an error nevertheless."""
    for name in network.keys() & state.keys():
        if network[name].shape != state[name].shape:
            raise RuntimeError(f'size mismatch for {name}')
    return {name: state.get(name, value) for name, value in network.items()}


def _without_buffers(state: dict) -> dict:
    return {name: value for name, value in state.items()
            if 'relative_position_index' not in name and 'attn_mask' not in name}


def swin_transformer(content: dict, network: dict) -> dict:
    state = _without_buffers(content['model'])
    for name, table in state.items():
        if 'relative_position_bias_table' in name and table.shape != network[name].shape:
            raise NotImplementedError(f'{name} would be interpolated')
    if state['head.bias'].shape[0] != network['head.bias'].shape[0]:
        network = {**network, **{name: network[name] * 0 for name in HEAD}}
        state = {name: value for name, value in state.items() if name not in HEAD}
    return _load(network, state)


def simmim(content: dict, network: dict) -> dict:
    state = content['model']
    if any('encoder.' in name for name in state):
        state = {name.replace('encoder.', ''): value for name, value in state.items()
                 if name.startswith('encoder.')}
    return _load(network, _without_buffers(state))


def moby_linear(content: dict, network: dict) -> dict:
    state = {name.replace('encoder.', ''): value for name, value in content['model'].items()
             if 'encoder.' in name}
    return _load(network, {**state, **{name: network[name] for name in HEAD}})


def deit(content: dict, network: dict) -> dict:
    state = {name: value for name, value in content['model'].items()
             if name not in HEAD or value.shape == network[name].shape}
    if state['pos_embed'].shape != network['pos_embed'].shape:
        raise NotImplementedError('pos_embed would be interpolated')
    return _load(network, state)


def mae(content: dict, network: dict) -> dict:
    assert network.keys() - content['model'].keys() == set(HEAD)
    return deit(content, network)


def moco_v3_linear(content: dict, network: dict) -> dict:
    prefix = 'module.base_encoder'
    state = {name[len(prefix) + 1:]: value for name, value in content['state_dict'].items()
             if name.startswith(prefix) and not name.startswith(f'{prefix}.head')}
    assert network.keys() - state.keys() == set(HEAD)
    return _load(network, state)


def dino(content: dict, network: dict, checkpoint_key: str) -> dict:
    """ibot's is the same; neither network has a classifier."""
    state = content[checkpoint_key] if checkpoint_key in content else content
    state = {name.replace('module.', '').replace('backbone.', ''): value
             for name, value in state.items()}
    return _load(network, state)
