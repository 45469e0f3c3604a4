# FarSkip-Collective Figure 10. The paper shows a trace of its GPUs; these are events of ours.
tooltips = "none"
caption = "Emulated: real messages of two ranks on a modelled link, computation slept. Numbers: blocks. D is the all-reduce of attention (with FarSkip of attention and shared expert), C that of the experts. The excerpt ends with block 4's experts; C 4 follows."
width = 1040; height = 400
heading = "prefill, DeepSeek-V2's durations x 4, two all-reduces a block (emulated link)"
upper = "ordinary"; lower = "FarSkip"; prime = ""
load "timeline.gp"
