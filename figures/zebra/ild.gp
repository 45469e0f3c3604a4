# Relative error of every layer's output before and after ILD, both fed with the base's input.
caption = "Micro scale: nano-1b on the microworld; as converted: structured start, before any training; ILD: layer-wise distillation. One seed: no intervals."
load "style.gp"
set title "nano-1b: error of each layer against the base's layer"
set xlabel "layer"
set ylabel "relative error of the output"
if (ours == 0) {
  set xrange [0:1]; set yrange [0:1]; unset tics
  set label 1 "not run yet" at graph 0.5, 0.5 center textcolor rgb grey
  plot NaN notitle
} else {
  set logscale y
  set xtics 1
  set xrange [-0.4:15.4]
  set yrange [0.01:2]
  set key outside right
  array cells[6] = ["Mamba2 random", "Mamba2 as converted", "MLA as converted", "Mamba2 random after ILD", "Mamba2 after ILD", "MLA after ILD"]
  # A colour a start; dashed and hollow after ILD.
  array colours[6] = [blue, orange, green, blue, orange, green]
  array marks[6] = [7, 5, 9, 6, 4, 8]
  plot for [i=1:3] csv using "x":(keep(strcol("cell") eq cells[i], column("value"))) with linespoints lt 1 lc rgb colours[i] pt marks[i] title cells[i], \
    for [i=4:6] csv using "x":(keep(strcol("cell") eq cells[i], column("value"))) with linespoints lt 1 lc rgb colours[i] pt marks[i] dt 2 title cells[i], \
    for [i=1:6] csv using "x":(keep(strcol("cell") eq cells[i], column("value"))):(column("interval")) with yerrorbars lt 1 lc rgb colours[i] pt marks[i] notitle
}
