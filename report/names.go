package report

import "github.com/inferprof/inferprof/analyze/categories"

func kernelName(name string) string       { return categories.ShortKernel(name) }
func kernelNames(full []string) []string  { return categories.ShortKernels(full) }
func opName(name string) string           { return categories.ShortOp(name) }
func categoryName(category string) string { return categories.Readable(category) }
