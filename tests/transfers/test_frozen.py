"""Results of frozen features lie beside those of other images or options, not in their place."""

from types import SimpleNamespace

from mimco_mm.transfers.frozen import name_of
from mimco_mm.transfers.knn import KnnRequest, requested_knn
from mimco_mm.transfers.retrieval import RetrievalRequest, requested_retrieval

REPORT = SimpleNamespace(checkpoint='runs/backbone_epoch_2.pth', sha256='b4c0d43e' + '0' * 56)


def test_name__of_a_config_as_it_is_and_of_each_change(tmp_path):
    knn = [KnnRequest('knn/swin-t', 'x'), KnnRequest('knn/swin-t', 'x', str(tmp_path)),
           KnnRequest('knn/swin-t', 'x', cfg_options=['ks=[10]'])]
    names = [name_of(one.config, requested_knn(one), REPORT) for one in knn]
    assert names[0] == 'swin-t_backbone_epoch_2_b4c0d43e'
    assert len(set(names)) == 3 and all(name.startswith(f'{names[0]}_') for name in names[1:])


def test_name__of_retrieval():
    plain = RetrievalRequest('retrieval/swin-t_dino', 'x')
    name = name_of(plain.config, requested_retrieval(plain), REPORT)
    assert name == 'swin-t_dino_backbone_epoch_2_b4c0d43e'
    one = plain._replace(sets=['roxford5k'])
    assert name_of(one.config, requested_retrieval(one), REPORT).startswith(f'{name}_')
