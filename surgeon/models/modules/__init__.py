"""Any ``nn.Module``: reading its module tree, and blocks that live inside its modules. Knows no framework."""
