# hybrid curve --plot: what trainings went through, by tokens. Settings: runs (names, divided by tabs) and quantities
# (words of loss, kl, layers, held_out), a panel each.
panels = words(quantities)
# A name may hold blanks: the i-th of the list.
count = 1
do for [i = 1:strlen(runs)] { if (runs[i:i] eq "\t") { count = count + 1 } }
array names[count]
k = 1; names[1] = ""
do for [i = 1:strlen(runs)] {
  if (runs[i:i] eq "\t") { k = k + 1; names[k] = "" } else { names[k] = names[k] . runs[i:i] }
}
width = 140 + 330 * panels; height = 330 + 20 * count
load "style.gp"
headline(q) = q eq "loss" ? "training loss, nats per token" : q eq "kl" ? "KL to the teacher, nats per token" : \
  q eq "layers" ? "distance of the layers' outputs" : \
  "held-out loss, nats per token"
set multiplot layout 1,panels margins 0.07,0.985,(75.0 + 20 * count) / height,1 - 30.0 / height spacing 0.07
stats csv using (column("tokens")) nooutput
unit = STATS_max < 2e6 ? 1e3 : 1e6
set xlabel (unit == 1e3 ? "training tokens, thousands" : "training tokens, millions")
set xrange [0:*]
set xtics font ",11"
set key bottom left at screen 0.02, screen 0.02 vertical Left reverse maxrows count
do for [p = 1:panels] {
  q = word(quantities, p)
  set title headline(q)
  plot for [i = 1:count] csv using (column("tokens") / unit): \
    (keep(strcol("run") eq names[i] && strcol("quantity") eq q, column("value"))) \
    with lines lt i title (p == 1 ? names[i] : "")
  unset key
}
unset multiplot
