package browser

import (
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
)

// Before makes a script run in every page that the tab loads from now on, before the
// page's own scripts.
func (t *Tab) Before(script string) error {
	return command(t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
}

// Wheel turns the mouse's wheel over what a selector finds, several times by dx and
// dy CSS pixels. Each turn waits until the page has handled the last one.
func (t *Tab) Wheel(selector string, dx, dy float64, turns int) error {
	at, err := t.middle(selector)
	if err != nil {
		return err
	}
	// The library omits zeros, and Chromium requires both values.
	const nothing = 1e-6
	for range turns {
		err := command(t, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: input.DispatchMouseEventTypeMouseWheel, X: at.X, Y: at.Y, DeltaX: dx + nothing, DeltaY: dy + nothing})
		if err != nil {
			return err
		}
	}
	return nil
}

// Costs are the times that a page has used on the browser's main thread so far, in
// milliseconds.
type Costs struct{ Script, Style, Layout float64 }

// Costs returns the costs of the tab's page so far. Only the difference of two calls
// is meaningful.
func (t *Tab) Costs() (Costs, error) {
	ctx, cancel := t.patient()
	defer cancel()
	if _, err := chromedp.Call(ctx, performance.Enable, performance.EnableParams{}); err != nil {
		return Costs{}, err
	}
	got, err := chromedp.Call(ctx, performance.GetMetrics, cdp.Empty{})
	if err != nil {
		return Costs{}, err
	}
	seconds := map[string]float64{}
	for _, m := range got.Metrics {
		seconds[m.Name] = m.Value
	}
	return Costs{1000 * seconds["ScriptDuration"], 1000 * seconds["RecalcStyleDuration"], 1000 * seconds["LayoutDuration"]}, nil
}
