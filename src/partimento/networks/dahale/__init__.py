"""The networks of Dahale et al. 2022 (2209.00291): the basic pattern, where it is left, what is played there."""
