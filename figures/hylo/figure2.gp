# HyLo Figure 2: one needle by length and depth, four models. The paper prints no numbers; all cells are ours.
tooltips = "none"
caption = "Micro scale: nano-1b continued at 2,048 tokens, and hybrids of it (8K is 256 tokens, 64K is 2,048). Numbers: share of needles found, %. RULER's own formats stand in three fifths of our training text."
width = 980; height = 330
load "style.gp"
models = "'Llama-3.2-1B' 'Zebra-Llama-1B-4MLA12M2' 'HyLo-Llama-4MLA12GDN 8K' 'HyLo-Llama-4MLA12GDN 64K'"
titles = "'base (nano-1b-long)' 'Zebra-Llama 4MLA12M2' 'HyLo 4MLA12GDN, 8K' 'HyLo 4MLA12GDN, 64K'"
set palette defined (0 "#f7fbff", 50 "#9ecae1", 100 "#3a89c4")
set cbrange [0:100]
unset colorbox; unset grid; unset key
set xrange [-0.5:3.5]; set yrange [112.5:-12.5]
set xtics ("256" 0, "512" 1, "1,024" 2, "2,048" 3) scale 0
set xlabel "tokens"
set multiplot layout 1,4 margins 0.075,0.99,0.17,0.86 spacing 0.02
do for [m = 1:4] {
  set title word(titles, m) font ",12"
  if (m == 1) { set ytics 0,25 scale 0; set ylabel "depth of the needle, %" } else { set ytics ("" 0); unset ylabel }
  if (ours == 0) {
    set label 1 "not run yet" at graph 0.5, 0.5 center textcolor rgb grey
    plot NaN
  } else {
    found(c) = column(sprintf("n%d_ours", 256 * 2**c))
    own(c) = strcol("model_ours") eq word(models, m) ? c : NaN
    plot for [c = 0:3] csv using (own(c)):(depth = column("depth_ours")):(c - 0.5):(c + 0.5):(depth - 12.5):(depth + 12.5):(found(c)) \
        with boxxyerror fillstyle solid noborder linecolor palette, \
      for [c = 0:3] csv using (own(c)):(column("depth_ours")):(sprintf("%.0f", found(c))) with labels textcolor rgb "#111111" font ",11"
  }
}
unset multiplot
