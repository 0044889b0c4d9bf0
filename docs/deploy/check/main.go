// Check decodes the files in deploy strictly, with the libraries of the tools that
// use them, and looks for settings that would weaken them. It does not need the
// tools.
//
//	go run . ..
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	compose "github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: check FOLDER")
		os.Exit(2)
	}
	dir := os.Args[1]
	failed := false
	for _, c := range []struct {
		name  string
		check func(path string) error
	}{
		{"Containerfile", containerfile},
		{"compose.yaml", composeFile},
		{"kubernetes.yaml", kubernetes},
		{"dashboard.json", dashboardFile},
	} {
		if err := c.check(filepath.Join(dir, c.name)); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", c.name, err)
			failed = true
			continue
		}
		fmt.Println(c.name + ": ok")
	}
	if failed {
		os.Exit(1)
	}
}

// containerfile parses with BuildKit's parser and runs its linter's rules for single
// instructions.
func containerfile(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	stages, err := lint(b)
	if err != nil {
		return err
	}
	user := ""
	for _, c := range stages[len(stages)-1].Commands {
		if u, ok := c.(*instructions.UserCommand); ok {
			user = u.User
		}
	}
	if user == "" || strings.HasPrefix(user, "0") || strings.HasPrefix(user, "root") {
		return fmt.Errorf("the image would run as user %q", user)
	}
	return nil
}

func lint(containerfile []byte) ([]instructions.Stage, error) {
	ast, err := parser.Parse(bytes.NewReader(containerfile))
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, w := range ast.Warnings {
		errs = append(errs, errors.New(w.Short))
	}
	rules := linter.New(&linter.Config{Warn: func(rule, description, _, text string, _ []parser.Range) {
		errs = append(errs, fmt.Errorf("%s: %s (%s)", rule, text, description))
	}})
	stages, _, err := instructions.Parse(ast.AST, rules)
	if err != nil {
		return nil, err
	}
	return stages, errors.Join(errs...)
}

// composeFile loads with the loader of docker compose, which validates against the
// Compose specification's schema.
func composeFile(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	load := func(env compose.Mapping) (*compose.Project, error) {
		return loader.LoadWithContext(context.Background(), compose.ConfigDetails{
			WorkingDir: filepath.Dir(path), Environment: maps.Clone(env), // the loader adds to it
			ConfigFiles: []compose.ConfigFile{{Filename: path, Content: b}},
		})
	}
	env := compose.Mapping{"POSTGRES_PASSWORD": "p", "S3_ACCESS_KEY": "a", "S3_SECRET_KEY": "s"}
	project, err := load(env)
	if err != nil {
		return err
	}
	for name := range env {
		less := maps.Clone(env)
		delete(less, name)
		if _, err := load(less); err == nil || !strings.Contains(err.Error(), name) {
			return fmt.Errorf("it starts without %s (%v)", name, err)
		}
	}
	s, ok := project.Services["tallyman"]
	if !ok {
		return errors.New("there is no service tallyman")
	}
	if !s.ReadOnly || len(s.CapDrop) != 1 || s.CapDrop[0] != "ALL" || s.Privileged || s.User != "" {
		return errors.New("the service tallyman has more rights than it needs")
	}
	if _, err := os.Stat(s.Build.Context + "/" + s.Build.Dockerfile); err != nil {
		return err
	}
	for name, s := range project.Services {
		if s.Build != nil && s.Build.DockerfileInline != "" {
			if _, err := lint([]byte(s.Build.DockerfileInline)); err != nil {
				return fmt.Errorf("service %s: %w", name, err)
			}
		}
		for _, v := range s.Volumes {
			if v.Type == compose.VolumeTypeBind {
				if _, err := os.Stat(v.Source); err != nil {
					return fmt.Errorf("service %s: %w", name, err)
				}
			}
		}
		for _, p := range s.Ports {
			if p.HostIP != "127.0.0.1" {
				return fmt.Errorf("service %s is open to others at port %s", name, p.Published)
			}
		}
	}
	return nil
}

// kubernetes decodes every object into the API server's type for it; an unknown field
// is an error. Then it checks the references between objects.
func kubernetes(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var (
		deployment apps.Deployment
		service    core.Service
		budget     policy.PodDisruptionBudget
		account    core.ServiceAccount
		network    networking.NetworkPolicy
	)
	into := map[string]any{
		"apps/v1 Deployment": &deployment, "v1 Service": &service, "policy/v1 PodDisruptionBudget": &budget,
		"v1 ServiceAccount": &account, "networking.k8s.io/v1 NetworkPolicy": &network,
	}
	for i, doc := range bytes.Split(b, []byte("\n---\n")) {
		var t meta.TypeMeta
		if err := yaml.Unmarshal(doc, &t); err != nil {
			return fmt.Errorf("object %d: %w", i+1, err)
		}
		kind := t.APIVersion + " " + t.Kind
		object, ok := into[kind]
		if !ok {
			return fmt.Errorf("object %d: %q is not known to this check, or there twice", i+1, kind)
		}
		delete(into, kind)
		// As in the API server: names are also matched without regard to case.
		j, err := yaml.YAMLToJSONStrict(doc)
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		strict, err := json.UnmarshalStrict(j, object)
		if err := errors.Join(append(strict, err)...); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	if len(into) > 0 {
		return fmt.Errorf("missing: %v", maps.Keys(into))
	}
	pod := deployment.Spec.Template
	labels := pod.Labels
	for name, selector := range map[string]map[string]string{
		"the Deployment": deployment.Spec.Selector.MatchLabels, "the Service": service.Spec.Selector,
		"the PodDisruptionBudget": budget.Spec.Selector.MatchLabels, "the NetworkPolicy": network.Spec.PodSelector.MatchLabels,
		"the spread": pod.Spec.TopologySpreadConstraints[0].LabelSelector.MatchLabels,
	} {
		if len(selector) == 0 || !maps.Equal(selector, labels) {
			return fmt.Errorf("%s does not select the pods: %v, %v", name, selector, labels)
		}
	}
	if pod.Spec.ServiceAccountName != account.Name {
		return errors.New("the pods have another service account")
	}
	return container(pod.Spec, service, network)
}

func container(pod core.PodSpec, service core.Service, network networking.NetworkPolicy) error {
	c := pod.Containers[0]
	port := c.Ports[0].Name
	if service.Spec.Ports[0].TargetPort.StrVal != port || network.Spec.Ingress[0].Ports[0].Port.StrVal != port {
		return errors.New("the Service or the NetworkPolicy names another port")
	}
	for name, p := range map[string]struct {
		probe *core.Probe
		path  string
	}{"startup": {c.StartupProbe, "/ping"}, "liveness": {c.LivenessProbe, "/ping"}, "readiness": {c.ReadinessProbe, "/health"}} {
		if p.probe == nil || p.probe.HTTPGet == nil || p.probe.HTTPGet.Path != p.path || p.probe.HTTPGet.Port.StrVal != port {
			return fmt.Errorf("the %s probe does not ask %s", name, p.path)
		}
	}
	s := c.SecurityContext
	switch {
	case pod.SecurityContext.RunAsNonRoot == nil || !*pod.SecurityContext.RunAsNonRoot || *pod.SecurityContext.RunAsUser == 0,
		s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem,
		s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation,
		len(s.Capabilities.Drop) != 1 || s.Capabilities.Drop[0] != "ALL" || len(s.Capabilities.Add) > 0,
		pod.SecurityContext.SeccompProfile == nil || pod.SecurityContext.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault,
		*pod.AutomountServiceAccountToken:
		return errors.New("the container has more rights than it needs")
	case c.Resources.Limits.Memory().IsZero() || c.Resources.Requests.Memory().IsZero():
		return errors.New("the container's memory has no limit or no request")
	}
	mounted := map[string]bool{}
	for _, v := range pod.Volumes {
		mounted[v.Name] = true
	}
	tmp := false
	for _, m := range c.VolumeMounts {
		if !mounted[m.Name] {
			return fmt.Errorf("there is no volume %s", m.Name)
		}
		tmp = tmp || m.MountPath == "/tmp"
	}
	if !tmp {
		return errors.New("the container has no /tmp that it can write to")
	}
	for _, e := range c.Env {
		secret := strings.Contains(e.Name, "KEY") || strings.Contains(e.Name, "STORE")
		if secret && (e.Value != "" || e.ValueFrom == nil || e.ValueFrom.SecretKeyRef == nil) {
			return fmt.Errorf("%s does not come from a Secret", e.Name)
		}
	}
	return nil
}
