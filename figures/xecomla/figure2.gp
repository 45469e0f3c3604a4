# X-EcoMLA Figure 2: throughput and memory against batch size. Its points are not published.
caption = "Measured at micro scale: a model of nano-8b's shape with random weights on two CPU cores, not an 8B model on a GPU. Throughput halfway through 8,192 tokens, memory at their end; points whose cache passes 16 GB are left out. Bars: 95 % over five timings."
load "style.gp"
set key center right
set multiplot layout 1,2 margins 0.115,0.97,0.17,0.91 spacing 0.135
set xlabel "batch size"
set logscale x 2
set xrange [7:1200]
do for [panel in "throughput peak"] {
  set title (panel eq "throughput" ? "decode throughput, micro stand-ins" : "peak memory, micro stand-ins")
  set ylabel (panel eq "throughput" ? "tokens per second" : "peak memory, GB")
  if (ours == 0) {
    set yrange [0:1]; unset ytics
    set label 1 "not run yet" at graph 0.5, 0.5 center textcolor rgb grey
    plot NaN notitle
    unset label 1; set ytics
  } else {
    set logscale y 2
    set yrange [*:*]
    if (panel eq "peak") { set key bottom right }
    # Five timings; memory is the same each time.
    half(panel) = panel eq "peak" ? 0 : of_five(column(panel."_stderr"))
    plot csv using "batch_ours":(keep(strcol("system_ours") eq "base", column(panel."_ours"))):(half(panel)) with yerrorlines lt 6 title "base", \
      csv using "batch_ours":(keep(strcol("system_ours") ne "base", column(panel."_ours"))):(half(panel)) with yerrorlines lt 1 title "X-EcoMLA"
  }
}
unset multiplot
