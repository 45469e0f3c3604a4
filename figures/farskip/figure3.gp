# FarSkip Figure 3: what rewiring the first or the last N of eight layers does without any training. The paper prints no
# points; all curves are ours.
caption = "Micro scale: nano-qwen-moe; in brackets the benchmarks that our tasks stand for."
width = 900; height = 600
load "style.gp"
set xrange [-0.2:8.2]
set xtics 1
set multiplot layout 2,2 margins 0.08,0.98,0.11,0.94 spacing 0.08,0.13
on(n, s) = strcol("model_ours") eq sprintf("nano-qwen-moe (pretraining %d)", n) && (strcol("which_ours") eq s || strcol("which_ours") eq "none" || strcol("which_ours") eq "all")
do for [k=1:4] {
  value = word("loss avg mmlu humaneval", k)
  set title word("'held-out loss, nats per token' 'average of ten tasks, %' 'quiz [MMLU], %' 'programs [HumanEval+], %'", k)
  if (k > 2) { set xlabel "rewired layers" } else { unset xlabel }
  if (ours == 0) {
    set yrange [0:1]
    set label 1 "not run yet" at graph 0.5, 0.5 center textcolor rgb grey
    plot NaN notitle
  } else {
    set yrange [0:*]
    unset arrow
    if (k == 1) { set key bottom right } else { unset key }
    # Guessing among four choices.
    level = k == 3 ? 25 : NaN
    if (k == 3) { set arrow 1 from graph 0, first level to graph 1, first level nohead lw 1.5 dt 3 lc rgb grey; set label 2 "guessing" at graph 0.99, first 27.5 right textcolor rgb grey font ",11" } else { unset label 2 }
    plot csv using (column("layers_ours")):(keep(on(1, "first"), column(value."_ours"))) smooth unique with linespoints lt 2 title "first N layers", \
      csv using (column("layers_ours")):(keep(on(1, "last"), column(value."_ours"))) smooth unique with linespoints lt 1 title "last N layers", \
      csv using (column("layers_ours")):(keep(on(2, "first"), column(value."_ours"))) smooth unique with lines lt 2 dt 2 notitle, \
      csv using (column("layers_ours")):(keep(on(2, "last"), column(value."_ours"))) smooth unique with lines lt 1 dt 2 notitle, \
      keyentry with lines lt 6 title "dashed: second pretraining"
  }
}
unset multiplot
