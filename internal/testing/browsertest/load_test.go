package browsertest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"tallyman/internal/sample"
)

func TestTheChartsShowTheSheet(t *testing.T) {
	p, w := opened(t)
	w.load(p.shipment(sample.Options{Bills: 20, Lines: 100, Seed: 5}, ""))
	w.click("#tab-load")
	const drawn = "document.querySelectorAll('#panel-load canvas').length === 3 && [...document.querySelectorAll('#panel-load canvas')].every((c) => Chart.getChart(c))"
	w.until(drawn)

	sheet := w.sheet()
	ship, pallet, cartons, cancel := sheet.column("Ship To Name"), sheet.column("Pallet"), sheet.column("Cartons"), sheet.column("Cancel Date")
	pallets, cube, days, bills := map[string]float64{}, map[string]float64{}, map[any]float64{}, map[int]bool{}
	number := func(v any) float64 { n, _ := v.(float64); return n }
	for _, r := range sheet.Rows {
		name := r.Cells[ship].(string)
		pallets[name] += number(r.Cells[pallet])
		days[r.Cells[cancel]] += number(r.Cells[cartons])
		if !bills[r.Bill] {
			bills[r.Bill] = true
			cube[name] += *sheet.Bills[r.Bill].Totals.Cube.Number
		}
	}
	sorted := func(m map[string]float64) (list []float64) {
		for _, v := range m {
			list = append(list, v)
		}
		slices.Sort(list)
		return list
	}
	var perDay []float64
	undated := days[nil]
	for day, v := range days {
		if day != nil {
			perDay = append(perDay, v)
		}
	}
	slices.Sort(perDay)
	want := [][]float64{sorted(pallets), sorted(cube), perDay}
	equal := func(got, want []float64) bool {
		return slices.EqualFunc(got, want, func(a, b float64) bool { return math.Abs(a-b) < 1e-6 })
	}
	type chart struct {
		Values  []float64
		Label   string
		Figures []string
		Inked   bool
	}
	look := func() []chart {
		return value[[]chart](w, `[...document.querySelectorAll("#panel-load .chart")].map((f) => {
			const canvas = f.querySelector("canvas"), chart = Chart.getChart(canvas);
			const blank = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
			return { Values: chart.data.datasets[0].data, Label: canvas.getAttribute("aria-label"), Inked: canvas.toDataURL() !== blank.toDataURL(),
				Figures: [...f.querySelectorAll(".figures tbody tr")].map((r) => [...r.children].map((c) => c.textContent).join(": ")) };
		})`)
	}
	for i, c := range look() {
		if !c.Inked {
			t.Errorf("chart %d is empty", i)
		}
		if len(want[i]) <= 14 || i == 2 {
			got := slices.Clone(c.Values)
			slices.Sort(got)
			if !equal(got, want[i]) {
				t.Errorf("chart %d draws %v, the sheet has %v", i, got, want[i])
			}
		}
		figures := len(want[i])
		if i == 2 && undated > 0 {
			figures++
			if last := c.Figures[len(c.Figures)-1]; last != fmt.Sprintf("No date: %.0f", undated) {
				t.Errorf("the text says %q of %.0f cartons without date", last, undated)
			}
		}
		if len(c.Figures) != figures {
			t.Errorf("chart %d has %d figures as text, the sheet %d", i, len(c.Figures), figures)
		}
		if !strings.HasPrefix(c.Label, "Bar chart: ") {
			t.Errorf("chart %d is called %q", i, c.Label)
		}
	}
	figures := strings.Join(look()[0].Figures, "\n")
	for name, n := range pallets {
		if !strings.Contains(figures, fmt.Sprintf("%s: %.0f", name, n)) {
			t.Errorf("the text beside the pallets lacks %s: %.0f in %s", name, n, figures)
		}
	}

	// The same figures are drawn in other colours when the reader's scheme changes.
	const ink = "Chart.getChart(document.querySelector('#panel-load canvas')).data.datasets[0].backgroundColor"
	light, before := value[string](w, ink), look()
	w.must(w.Prefer("dark"))
	w.until(drawn + " && " + ink + " !== " + fmt.Sprintf("%q", light))
	for i, c := range look() {
		if !equal(c.Values, before[i].Values) || !c.Inked {
			t.Errorf("in the dark chart %d is %+v", i, c)
		}
	}
}

// A bar shows its rows in the sheet; by keyboard its name among the figures does.
func TestABarOfAChartShowsItsRows(t *testing.T) {
	p, w := opened(t)
	w.load(p.shipment(sample.Options{Bills: 20, Lines: 100, Seed: 5}, ""))
	sheet := w.sheet()
	for _, way := range []string{"mouse", "keyboard"} {
		w.click("#tab-load")
		w.until("document.querySelectorAll('#panel-load canvas').length === 3 && Chart.getChart(document.querySelector('#panel-load canvas'))?.getDatasetMeta(0).data.length")
		name := value[string](w, "document.querySelector('.figures tbody button').textContent")
		if way == "mouse" {
			at := value[struct{ X, Y float64 }](w, `(() => {
				const c = document.querySelector("#panel-load canvas"), bar = Chart.getChart(c).getDatasetMeta(0).data[0];
				c.scrollIntoView({ block: "center" });
				return { X: (bar.base + bar.x) / 2 / c.clientWidth, Y: bar.y / c.clientHeight };
			})()`)
			w.must(w.ClickIn("#panel-load canvas", at.X, at.Y))
		} else {
			w.run("document.querySelector('.figures').open = true; document.querySelector('.figures summary').focus()")
			w.tabTo(".figures tbody button")
			w.press("\r")
		}
		w.until("document.querySelector('.only:not([hidden])')")
		want := 0
		for _, r := range sheet.Rows {
			if r.Cells[sheet.column("Ship To Name")] == name {
				want++
			}
		}
		w.says(".only", name)
		w.says("#panel-sheet .found", fmt.Sprintf("%d of %d rows", want, len(sheet.Rows)))
		w.click(".only button")
	}
}
