"""The question and the answer: what a scenario file may say, who visits whom, and what a run writes down.

May use ``reference_impl.domain`` and plain libraries. Must never know which world answers: nothing here imports the
protocol, a simulator or a load generator.
"""
