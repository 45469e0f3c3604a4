# FarSkip-Collective Figure 2. The paper draws a scheme; these are events of ours.
tooltips = "none"
caption = "Emulated: real messages of two ranks on a modelled link, computation slept. Numbers: blocks."
width = 1040; height = 400
heading = "two blocks as they ran on an emulated link, all operations but G and S of 8 ms"
upper = "ordinary"; lower = "FarSkip"; prime = ""
load "timeline.gp"
