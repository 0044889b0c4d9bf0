package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	query "github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// source is how a panel refers to the chosen data source.
const source = "${datasource}"

// dashboardFile decodes strictly into Grafana's types for its schema, and parses
// every query as Prometheus does. The schema is the classic one, which every current
// Grafana imports.
func dashboardFile(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	plugins.RegisterDefaultPlugins()
	// The strict reading returns an empty error for valid input and discards the
	// result, so a second reading is needed.
	var strict, d dashboard.Dashboard
	var none cog.BuildErrors
	if err := strict.UnmarshalJSONStrict(b); err != nil && (!errors.As(err, &none) || len(none) > 0) {
		return err
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return err
	}
	if err := d.Validate(); err != nil {
		return err
	}
	if d.SchemaVersion < 39 || d.Uid == nil || d.Id != nil {
		return fmt.Errorf("it is of schema %d; it needs a uid, and no id, which each Grafana gives", d.SchemaVersion)
	}
	var variables []string
	for _, v := range d.Templating.List {
		variables = append(variables, v.Name)
	}
	if !slices.Equal(variables, []string{"datasource", "instance"}) {
		return fmt.Errorf("its variables are %v", variables)
	}
	var errs []error
	ids := map[uint32]bool{}
	covered := map[[2]uint32]string{} // the panel that covers each cell
	for _, p := range d.Panels {
		if p.Panel == nil {
			if p.RowPanel == nil || p.RowPanel.Title == nil || ids[p.RowPanel.Id] || p.RowPanel.GridPos == nil || p.RowPanel.GridPos.W != 24 {
				errs = append(errs, errors.New("a row has no title, or no place and id of its own"))
				continue
			}
			ids[p.RowPanel.Id] = true
			errs = append(errs, lay(covered, *p.RowPanel.Title, *p.RowPanel.GridPos))
			continue
		}
		if err := panel(*p.Panel, ids, covered); err != nil {
			errs = append(errs, err)
		}
	}
	for _, a := range d.Annotations.List {
		if a.Expr == nil || a.Datasource.Uid == nil || *a.Datasource.Uid != source {
			errs = append(errs, fmt.Errorf("annotation %s asks nothing, or another data source", a.Name))
			continue
		}
		if _, err := parse(*a.Expr); err != nil {
			errs = append(errs, fmt.Errorf("annotation %s: %w", a.Name, err))
		}
	}
	return errors.Join(errs...)
}

func panel(p dashboard.Panel, ids map[uint32]bool, covered map[[2]uint32]string) error {
	if p.Title == nil || p.Id == nil || ids[*p.Id] || p.GridPos == nil || len(p.Targets) == 0 {
		return fmt.Errorf("a panel has no title, no place, no question or no id of its own: %v", p.Title)
	}
	ids[*p.Id] = true
	errs := []error{lay(covered, *p.Title, *p.GridPos)}
	fail := func(format string, a ...any) {
		errs = append(errs, fmt.Errorf("panel %q: %s", *p.Title, fmt.Sprintf(format, a...)))
	}
	if p.FieldConfig == nil || p.FieldConfig.Defaults.Unit == nil {
		fail("it has no unit")
	}
	for _, t := range p.Targets {
		q, ok := t.(*query.Dataquery)
		if !ok {
			fail("a question is a %T", t)
			continue
		}
		if q.Datasource == nil || q.Datasource.Uid == nil || *q.Datasource.Uid != source {
			fail("it asks another data source")
		}
		expr, err := parse(q.Expr)
		if err != nil {
			fail("%v", err)
			continue
		}
		names := 0
		parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
			v, ok := n.(*parser.VectorSelector)
			if !ok {
				return nil
			}
			names++
			if !matches(v, "job", labels.MatchEqual, "tallyman") || !matches(v, "instance", labels.MatchRegexp, instance) {
				fail("%s is not bound to the job and the replicas that are chosen", v)
			}
			return nil
		})
		if names == 0 {
			fail("%s asks for nothing", q.Expr)
		}
	}
	return errors.Join(errs...)
}

// lay puts a panel on the board, which is 24 wide.
func lay(covered map[[2]uint32]string, title string, at dashboard.GridPos) error {
	if at.W == 0 || at.H == 0 || at.X+at.W > 24 {
		return fmt.Errorf("panel %q is not on the board", title)
	}
	for x := at.X; x < at.X+at.W; x++ {
		for y := at.Y; y < at.Y+at.H; y++ {
			if other, taken := covered[[2]uint32{x, y}]; taken {
				return fmt.Errorf("panel %q covers %q", title, other)
			}
			covered[[2]uint32{x, y}] = title
		}
	}
	return nil
}

// instance replaces the variable while a query is parsed.
const instance = "chosen"

// parse parses a query as Prometheus receives it, with Grafana's variables filled in.
func parse(expr string) (parser.Expr, error) {
	expr = strings.NewReplacer("$__rate_interval", "5m", "$__range", "6h", "$instance", instance).Replace(expr)
	if strings.Contains(expr, "$") {
		return nil, fmt.Errorf("%s has a variable that there is not", expr)
	}
	return parser.NewParser(parser.Options{}).ParseExpr(expr)
}

func matches(v *parser.VectorSelector, name string, how labels.MatchType, value string) bool {
	return slices.ContainsFunc(v.LabelMatchers, func(m *labels.Matcher) bool {
		return m.Name == name && m.Type == how && m.Value == value
	})
}
