"""From words to a topic: normaliser, features, classifier. No TensorFlow, no word segmentation."""
