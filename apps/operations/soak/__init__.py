"""A soak: the whole product under uploads and searches while its processes are killed at random; then an audit.

Nothing of the installation it is started from is touched: a state folder of its own, gone afterwards.
"""
