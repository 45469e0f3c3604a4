# FarSkip Table 2 as a picture: points lost or won against the original, averages of the paper and of ours.
width = 980; height = 420
load "style.gp"
cells = "'KL FAR 50%' 'KL FAR 75%' 'KL FAR 90%' 'KL' 'KL frozen embedding and LM head' 'KL 4x batch' 'KL 0.25x batch' 'KL + intermediate L2' 'SFT' 'not trained'"
labels = "'KL, last\n50 %%' 'KL, last\n75 %%' 'KL, last\n90 %%' 'KL, all\nlayers' 'frozen\nembeddings' '4x\nbatch' '0.25x\nbatch' 'KL and\nhidden L2' 'SFT' 'not\ntrained'"
set style fill solid 0.9 noborder
set xrange [0.4:10.6]
set xtics () scale 0
do for [i=1:10] { set xtics add (word(labels, i) i) }
set xzeroaxis lt 1 lw 1 lc rgb "#333333"
set bmargin 4
set title "rewired, by layers and training: average against the original"
set ylabel "points against the original"
set key bottom left
plot keyentry with boxes lc rgb grey title "paper: Qwen3-30B-A3B", \
  keyentry with boxes lc rgb blue title (ours == 0 ? "ours: not run yet" : "ours: nano-qwen-moe"), \
  for [i=1:10] csv using (i - 0.19):(keep(strcol("cell") eq word(cells, i), column("avg_vs_base_published"))):(0.36) with boxes lc rgb grey notitle, \
  for [i=1:10] csv using (i + 0.19):(keep(strcol("cell") eq word(cells, i), column("avg_vs_base_ours"))):(0.36) with boxes lc rgb blue notitle
