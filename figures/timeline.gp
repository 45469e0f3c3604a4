# Two lanes of one rank (computation, link) for two runs, from events: run 1 above, run 2 below. A script that loads this
# has set `heading`, `upper`, `lower` (names of the runs) and `prime` (behind the letters of a backward pass).
# Operations 1 to 7 are A B G D E C S; tracks 1 computation, 2 link, 3 computation stands still.
load "style.gp"
set title heading
if (ours == 0) {
  set xrange [0:1]; set yrange [0:1]; unset tics; unset border
  set label 1 "not run yet" at graph 0.5, 0.5 center textcolor rgb grey
  plot NaN notitle
} else {
  array names[7] = ["A projections", "B core attention", "G router", "D dispatch", "E experts", "C combine", "S shared expert"]
  array colours[7] = ["#0072b2", "#56b4e9", "#8c8c8c", "#cc79a7", "#e69f00", "#d55e00", "#009e73"]
  stats csv using (column("end")) nooutput
  last = STATS_max
  set xrange [0:last]
  set yrange [0:5.1]
  unset grid
  set border 1
  set xlabel "ms"
  set ytics scale 0 ("computation" 4.4, "link" 3.4, "computation" 1.7, "link" 0.7)
  set label 2 upper at graph 0, first 4.97 left textcolor rgb "#111111"
  set label 3 lower at graph 0, first 2.48 left textcolor rgb "#111111"
  set key below center horizontal Left reverse maxcols 5 samplen 1 width -6

  base(run, track) = (run == 1 ? 2.7 : 0) + (track == 2 ? 0.35 : 1.35)
  part(value, run, track, operation) = keep(column("run") == run && column("track") == track && (operation == 0 || column("operation") == operation), value)
  middle = "(column('start') + column('end')) / 2"
  letter(operation) = substr("ABGDECS", operation, operation) . prime
  label(operation, layer, share) = share > 0.045 ? sprintf("%s %d", letter(operation), layer) : letter(operation)

  plot \
    csv using (part(column("start"), 2, 2, 0)):(1.2):(column("start")):(column("end")):(0.15):(2.25) \
      with boxxyerror fs solid noborder lc rgb "#cfe8d5" title "a collective flies behind computation", \
    csv using (keep(column("track") == 3, column("start"))):(1):(column("start")):(column("end")):(base(column("run"), 1)):(base(column("run"), 1) + 0.7) \
      with boxxyerror fs pattern 4 noborder lc rgb "#b00020" title "computation stands still", \
    for [k=1:7] csv using (keep(column("track") < 3 && column("operation") == k, column("start"))):(1):(column("start")):(column("end")):(base(column("run"), column("track"))):(base(column("run"), column("track")) + 0.7) \
      with boxxyerror fs solid border lc rgb "#ffffff" lw 1 dt 1 fc rgb colours[k] title names[k], \
    csv using (keep(column("track") < 3 && column("end") - column("start") > 0.02 * last, (column("start") + column("end")) / 2)):(base(column("run"), column("track")) + 0.35):(label(int(column("operation")), int(column("layer")), (column("end") - column("start")) / last)) \
      with labels textcolor rgb "#ffffff" notitle
}
