"""The network as a graph of log-ons: kept, ranked, searched for paths, laid out. Pure: no clock, file or chance."""
