# X-EcoMLA Table 11, SFT rows: average against KV size by teacher, beside ours. Full lines are 3.4 B tokens
# (one unit of ours), dashed lines twice that; they are labelled at their right end.
caption = "Ours at micro scale: nano models of 2 to 7 M parameters and the microworld's stand-ins of the tasks; the paper: models of 1 to 8 B parameters. Both panels have one scale. Thin lines: 95 % intervals, where there are several seeds."
height = 400
load "style.gp"
place(r) = r > 500 ? 1 : r > 200 ? 2 : r > 100 ? 3 : r > 60 ? 4 : 5
set xtics ("53.1" 1, "28.1" 2, "15.6" 3, "9.4" 4, "7.8" 5)
set xlabel "KV size, % of the base"
set xrange [0.6:6.6]
unset key
teachers = "Llama3.2-1B Llama3.2-3B Llama3.1-8B"
short = "1B 3B 8B"
on(i, tokens) = strcol("stage") eq "SFT" && strcol("teacher") eq word(teachers, i) && strcol("tokens") eq tokens
base(side) = strcol("cell") eq "- - - -" && strcol(side) ne "" ? column(side) : 0
stats csv using (base("avg_published")) nooutput
their_base = STATS_max
stats csv using (base("avg_ours")) nooutput
our_base = STATS_max
set multiplot layout 1,2 margins 0.09,0.985,0.17,0.91 spacing 0.07
do for [side in "avg_published avg_ours"] {
  theirs = side eq "avg_published"
  if (theirs) { set ylabel "average of nine tasks, %" } else { unset ylabel }
  set title (theirs ? "paper, after SFT (dashed: 6.8 B tokens)" : "ours, after SFT (dashed: twice the tokens)")
  if (!theirs && ours == 0) {
    set yrange [0:1]; unset ytics
    set label 1 "not run yet" at graph 0.5, 0.5 center textcolor rgb grey
    plot NaN
  } else {
    set yrange [48:60]
    # Ours side by side, or intervals would hide each other.
    at(i, tokens) = place(column("r_kv")) + (theirs ? 0 : 0.09 * (i - 2) + (tokens eq "3.4B" ? -0.14 : 0.14))
    level = theirs ? their_base : our_base
    if (level > 0) {
      set label 2 "base" at first 5.15, first level left font ",11" textcolor rgb grey
      set arrow 2 from graph 0, first level to first 5.08, first level nohead lt 6
    }
    plot for [i=1:3] csv using (at(i, "3.4B")):(keep(on(i, "3.4B"), column(side))) with linespoints lt i, \
      for [i=1:3] csv using (at(i, "6.8B")):(keep(on(i, "6.8B"), column(side))) with linespoints lt i dt 2, \
      for [i=1:3] for [tokens in "3.4B 6.8B"] csv using (at(i, tokens)):(keep(!theirs && on(i, tokens), column(side))):(column("avg_interval")) with yerrorbars lt i, \
      for [i=1:3] csv using (theirs ? 5 : 5.23):(keep(on(i, "6.8B") && column("r_kv") == 48, column(side))):(word(short, i)." teacher") with labels left offset 0.9,(theirs ? (i == 1 ? -0.5 : 0.3) : i == 2 ? -0.8 : i == 3 ? 0.6 : -0.4) font ",11" textcolor lt i
    unset label 2; unset arrow 2
  }
}
unset multiplot
