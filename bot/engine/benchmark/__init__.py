"""How well messages are understood, measured: public benchmarks, our own topics held out, and what typing does to words."""
