# FarSkip and its rivals against the share of communication, simulated.
caption = "Simulated, nothing was run on GPUs: a block whose communication grows while its computation stays. shared-expert: beside the combine; attention-only, parallel-block (mlp-only in Figure 8): FarSkip's two halves; scmoe: experts read the layer before (ScMoE); ladder: each block reads one block back (Ladder); farskip-free: its windows moved; two-batch: half batches by turns. kappa: how much longer the computation of every block but the ordinary one lasts."
width = 1040; height = 470
load "style.gp"
set linetype 7 lc rgb "#b8860b" lw 2
set linetype 8 lc rgb "#333333" lw 1.5
methods = "shared-expert farskip farskip-free two-batch scmoe ladder parallel-block attention-only"
set multiplot layout 1,2 margins 0.085,0.82,0.14,0.91 spacing 0.07
set xlabel "communication, % of the ordinary step"
set xrange [0:82]
set yrange [0.85:2.05]
set ylabel "training speed-up over the ordinary block"
unset key
set arrow 1 from 0, 1 to 82, 1 nohead lc rgb "#333333" lw 0.8
do for [slowdown in "unslowed fitted"] {
  set title (slowdown eq "unslowed" ? "hiding slows nothing down (simulated)" : "kappa fitted on training (simulated)")
  if (slowdown eq "fitted") { set key at screen 0.835, 0.9 left top Left reverse; unset ylabel }
  plot for [i = 1:words(methods)] csv using (column("x")):(keep(strcol("cell") eq word(methods, i)." ".slowdown, column("value"))) \
    with lines lt i title word(methods, i)
}
unset multiplot
