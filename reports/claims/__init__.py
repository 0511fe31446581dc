"""The paper's nine sentences, tested on a study's own records and on the paper's own tables."""
