# X-EcoMLA Table 3 as a picture: points lost or won against the base model, per task.
caption = "Our tasks, in brackets the benchmarks that they stand for. Ours at micro scale: nano models of 2 to 7 M parameters and the microworld's stand-ins of the tasks; the paper: models of 1 to 8 B parameters. One seed: no intervals."
width = 860; height = 560
load "style.gp"
array names[10] = ["average", "combine\n[ARC-C]", "recall\n[ARC-E]", "endings\n[HS]", "quiz\n[MMLU]", "rules\n[OBQA]", "goals\n[PIQA]", "claims\n[PubMedQA]", "passages\n[RACE]", "pronouns\n[WG]"]
columns = "avg arc are hs mmlu obqa piqa pbmd ra wg"
set style fill solid 0.9 noborder
set xrange [0.4:10.6]
set offsets 0, 0, graph 0.2, graph 0.05
set xtics () scale 0
do for [i=1:10] { set xtics add (names[i] i) }
set xzeroaxis lt 1 lw 1 lc rgb "#333333"
# The same scale in both panels, wider where the data ask for it.
set yrange [*<-23:4<*]
set ylabel "points against base"
set key top right horizontal
set multiplot layout 2,1 margins 0.08,0.98,0.09,0.93 spacing 0.16
cells = "'Llama3-8B-Inst X-EcoMLA 15.63 %' 'Llama3.1-8B-Inst X-EcoMLA 10.94 %'"
do for [k=1:2] {
  target = word(cells, k)
  set title target . (k == 1 ? "  (ours: nano-8b seed 2, r_kv 32)" : "  (ours: nano-8b seed 1, r_kv 20)")
  plot for [i=1:10] csv using (i - 0.19):(keep(strcol("cell") eq target, column(word(columns, i)."_vs_base_published"))):(0.36) with boxes lc rgb grey title (i == 1 ? "paper" : ""), \
    for [i=1:10] csv using (i + 0.19):(keep(strcol("cell") eq target, column(word(columns, i)."_vs_base_ours"))):(0.36) with boxes lc rgb blue title (i == 1 ? (ours == 0 ? "ours: not run yet" : "ours") : ""), \
    for [i=1:10] csv using (i + 0.19):(keep(strcol("cell") eq target, column(word(columns, i)."_vs_base_ours")) - column(word(columns, i)."_vs_base_interval")):(0):(2 * column(word(columns, i)."_vs_base_interval")) with vectors nohead lw 1.5 dt 1 lc rgb "#333333" notitle
}
unset multiplot
