# FarSkip-Collective Figure 12. The paper shows a trace of its GPUs; these are events of ours.
tooltips = "none"
caption = "Emulated: real messages of two ranks on a modelled link, computation slept; primes mark backward passes. Numbers: blocks. The excerpt begins with S' 14; the ordinary block's C' 14 comes before."
width = 1040; height = 400
heading = "training, backward, DeepSeek-V2-Lite's durations x 4 (emulated link)"
upper = "ordinary"; lower = "FarSkip"; prime = "'"
load "timeline.gp"
