"""The quantum tier in the hybrid: policy, model, novelty screening, and the studies that open or shut its gate."""
