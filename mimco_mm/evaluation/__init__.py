from .features import extract_features, labelled_folder
from .knn import knn_accuracy, nearest_neighbours

__all__ = ['extract_features', 'knn_accuracy', 'labelled_folder', 'nearest_neighbours']
