# FarSkip Table 2 as a picture: what of the original's average is lost or won, in percent
# (the share kept, less 100): the paper's of the paper's, ours of ours.
caption = "Ours at micro scale (nano-qwen-moe); the paper: Qwen3-30B-A3B. Without a grey bar: ours alone. One seed: no intervals."
width = 1240; height = 440
load "style.gp"
cells = "'KL FAR 50%' 'KL FAR 75%' 'KL FAR 90%' 'KL' 'KL frozen embedding and LM head' 'KL 4x batch' 'KL 0.25x batch' 'KL + intermediate L2' 'SFT' 'not trained' 'KL on all tokens' 'KL on code' 'SFT on code'"
array labels[13] = ["KL, last\n50 %%", "KL, last\n75 %%", "KL, last\n90 %%", "KL, all\nlayers", "frozen\nembeddings", "4x\nbatch", "0.25x\nbatch", "KL and\nhidden L2", "SFT", "not\ntrained", "KL on all\ntokens", "KL on\ncode", "SFT on\ncode"]
set style fill solid 0.9 noborder
set xrange [0.4:13.6]
set xtics () scale 0
do for [i=1:13] { set xtics add (labels[i] i) }
set xzeroaxis lt 1 lw 1 lc rgb "#333333"
set bmargin 4
set yrange [*:12]
set title "what of the original's average is lost or won, by what is rewired and how it is trained"
set ylabel "% of the original's average"
set key bottom left Left reverse
plot for [i=1:13] csv using (i - 0.19):(keep(strcol("cell") eq word(cells, i), column("avg_kept_published") - 100)):(0.36) with boxes lc rgb grey notitle, \
  for [i=1:13] csv using (i + 0.19):(keep(strcol("cell") eq word(cells, i), column("avg_kept_ours") - 100)):(0.36) with boxes lc rgb blue notitle, \
  for [i=1:13] csv using (i + 0.19):(keep(strcol("cell") eq word(cells, i), column("avg_kept_ours") - 100) - column("avg_kept_interval")):(0):(2 * column("avg_kept_interval")) with vectors nohead lw 1.5 dt 1 lc rgb "#333333" notitle, \
  keyentry with boxes lc rgb grey title "paper: Qwen3-30B-A3B", \
  keyentry with boxes lc rgb blue title (ours == 0 ? "ours: not run yet" : "ours: nano-qwen-moe")
