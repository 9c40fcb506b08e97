package trace

// The names that files give the categories; the first of each is the one that is written today.
var categoryNames = map[Category][]string{
	CategoryCPUOp:          {"cpu_op", "Operator"},
	CategoryUserAnnotation: {"user_annotation"},
	CategoryGPUAnnotation:  {"gpu_user_annotation"},
	CategoryKernel:         {"kernel", "Kernel"},
	CategoryMemcpy:         {"gpu_memcpy", "Memcpy"},
	CategoryMemset:         {"gpu_memset", "Memset"},
	CategoryRuntime:        {"cuda_runtime", "Runtime"},
	CategoryDriver:         {"cuda_driver"},
	CategoryPythonFunction: {"python_function"},
	CategoryFlow:           {"ac2g", "fwdbwd", "async", "async_cpu_to_gpu", "async_gpu"},
	CategoryInstant:        {"cpu_instant_event"},
	CategoryOverhead:       {"overhead"},
	CategoryCUDASync:       {"cuda_sync"},
	CategoryTrace:          {"Trace"},
}

var categoryByName = func() map[string]Category {
	m := map[string]Category{}
	for c, names := range categoryNames {
		for _, n := range names {
			m[n] = c
		}
	}
	return m
}()

// Folded is one of the categories above: CategoryOther for the values inside Events that stand for further names.
func (c Category) Folded() Category { return min(c, CategoryOther) }

// String is the category's name in today's files; "" for CategoryNone and "other" for CategoryOther.
func (c Category) String() string {
	if c >= CategoryOther {
		return "other"
	}
	if names := categoryNames[c]; names != nil {
		return names[0]
	}
	return ""
}

// TableKind names a side table of a Trace.
type TableKind uint8

// The side tables.
const (
	TableNone TableKind = iota
	TableGPU
	TableCall
	TableOp
	TableFrame
	TableMemory
	TableFlow
	TableCounter // of counters, whose category says nothing
)

var categoryTables = [CategoryOther + 1]TableKind{
	CategoryCPUOp: TableOp, CategoryUserAnnotation: TableOp, CategoryGPUAnnotation: TableOp,
	CategoryKernel: TableGPU, CategoryMemcpy: TableGPU, CategoryMemset: TableGPU,
	CategoryRuntime: TableCall, CategoryDriver: TableCall, CategoryCUDASync: TableCall,
	CategoryPythonFunction: TableFrame, CategoryInstant: TableMemory, CategoryFlow: TableFlow,
}

// Table says which side table the category's events have a row in, counters aside.
func (c Category) Table() TableKind { return categoryTables[min(c, CategoryOther)] }

// TableOf says which side table events of a category and phase have a row in.
func TableOf(c Category, p Phase) TableKind {
	if t := c.Table(); t != TableNone || p != PhaseCounter {
		return t
	}
	return TableCounter
}

// Table says which side table the event has its row in.
func (e *Event) Table() TableKind { return TableOf(e.Category, e.Phase) }

// CategoryOf finds the category that a file calls text. A name that is not known is remembered, so that CategoryName
// gives it back; what is returned for it is greater or equal CategoryOther and good for Append alone.
func (e *Events) CategoryOf(text []byte) Category {
	if len(text) == 0 {
		return CategoryNone
	}
	if c, ok := categoryByName[string(text)]; ok {
		return c
	}
	for i, t := range e.others {
		if t == string(text) {
			return CategoryOther + Category(i)
		}
	}
	if CategoryOther+Category(len(e.others)) == ^Category(0) {
		return ^Category(0) // hundreds of categories: the last ones share a name
	}
	e.others = append(e.others, string(text))
	return CategoryOther + Category(len(e.others)-1)
}

// CategoryName is event i's category as text: the file's own for CategoryOther, else today's name.
func (e *Events) CategoryName(i int) string {
	return e.CategoryText(e.blocks[i>>blockBits].Category[i&blockMask])
}

// CategoryText is CategoryName of the events that have c in a Block.
func (e *Events) CategoryText(c Category) string {
	if c < CategoryOther {
		return c.String()
	}
	if k := int(c - CategoryOther); k < len(e.others) {
		return e.others[k]
	}
	return "other"
}

// Categories are the names of the categories that events have, in no order.
func (e *Events) Categories() []string {
	var seen [1 << 8]bool
	var names []string
	for b := range e.Blocks() {
		for _, c := range b.Category {
			if !seen[c] {
				seen[c] = true
				if name := e.CategoryText(c); name != "" {
					names = append(names, name)
				}
			}
		}
	}
	return names
}
