# X-EcoMLA Table 11, SFT rows: average against KV size by teacher, beside ours.
height = 420
load "style.gp"
place(r) = r > 500 ? 1 : r > 200 ? 2 : r > 100 ? 3 : r > 60 ? 4 : 5
set xtics ("53.1" 1, "28.1" 2, "15.6" 3, "9.4" 4, "7.8" 5)
set xlabel "KV size, % of the base"
set xrange [0.7:5.3]
teachers = "Llama3.2-1B Llama3.2-3B Llama3.1-8B"
short = "1B 3B 8B"
set multiplot layout 1,2 margins 0.08,0.98,0.17,0.80 spacing 0.07
do for [side in "published ours"] {
  if (side eq "published") { set ylabel "average of nine tasks, %" } else { unset ylabel }
  set title (side eq "published" ? "paper, after SFT" : "ours, after SFT")
  if (side eq "ours" && ours == 0) {
    set yrange [0:1]; unset ytics
    set label 1 "not run yet" at graph 0.5, 0.5 center textcolor rgb grey
    plot NaN notitle
  } else {
    set yrange [*:*]
    # One legend for both panels; full lines are 3.4 B tokens, dashed ones 6.8 B.
    if (side eq "published") { set key at screen 0.5, 0.98 center top horizontal } else { unset key }
    plot csv using (NaN):(keep(strcol("stage") eq "-", column("avg_".side))) notitle, \
      for [i=1:3] csv using (place(column("r_kv"))):(keep(strcol("stage") eq "SFT" && strcol("teacher") eq word(teachers, i) && strcol("tokens") eq "3.4B", column("avg_".side))) with linespoints lt i title "teacher ".word(short, i), \
      for [i=1:3] csv using (place(column("r_kv"))):(keep(strcol("stage") eq "SFT" && strcol("teacher") eq word(teachers, i) && strcol("tokens") eq "6.8B", column("avg_".side))) with linespoints lt i dt 2 title (i == 1 ? "dashed: twice the tokens" : "")
  }
}
unset multiplot
