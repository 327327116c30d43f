// Which objects a serialized statement may consist of: an allow-list of node kinds, of their types
// and of their members. A member or kind that is not listed (a newer DuckDB's, or one that reaches
// outside the caller's streams) makes the statement refused, so nothing passes unseen.

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/))

const EXPRESSION_MEMBERS = 'class type alias query_location'
const expression = (members: string): ReadonlySet<string> => words(`${EXPRESSION_MEMBERS} ${members}`)

/** members of expressions, by `class`; PARAMETER and DEFAULT are absent on purpose */
export const EXPRESSIONS: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['COLUMN_REF', expression('column_names')],
  ['CONSTANT', expression('value')],
  ['FUNCTION', expression('function_name schema children filter order_bys distinct is_operator export_state catalog')],
  ['OPERATOR', expression('children')],
  ['COMPARISON', expression('left right')],
  ['CONJUNCTION', expression('children')],
  ['CASE', expression('case_checks else_expr')],
  ['CAST', expression('child cast_type try_cast')],
  ['BETWEEN', expression('input lower upper')],
  ['COLLATE', expression('child collation')],
  ['STAR', expression('relation_name exclude_list replace_list columns expr qualified_exclude_list rename_list')],
  ['SUBQUERY', expression('subquery_type subquery child comparison_type')],
  ['WINDOW', expression(`function_name schema catalog children partitions orders start end start_expr end_expr
    offset_expr default_expr ignore_nulls filter_expr exclude_clause distinct arg_orders`)],
  ['LAMBDA', expression('lhs expr')],
  ['POSITIONAL_REFERENCE', expression('index')],
])

/** `type` of expressions whose class has several */
export const EXPRESSION_TYPES: ReadonlySet<string> = words(`
  COLUMN_REF VALUE_CONSTANT FUNCTION CASE_EXPR OPERATOR_CAST COMPARE_BETWEEN COLLATE STAR SUBQUERY LAMBDA POSITIONAL_REFERENCE
  OPERATOR_NOT OPERATOR_IS_NULL OPERATOR_IS_NOT_NULL OPERATOR_COALESCE OPERATOR_NULLIF OPERATOR_TRY OPERATOR_UNPACK
  COMPARE_IN COMPARE_NOT_IN ARRAY_EXTRACT ARRAY_SLICE ARRAY_CONSTRUCTOR STRUCT_EXTRACT GROUPING_FUNCTION
  COMPARE_EQUAL COMPARE_NOTEQUAL COMPARE_LESSTHAN COMPARE_GREATERTHAN COMPARE_LESSTHANOREQUALTO
  COMPARE_GREATERTHANOREQUALTO COMPARE_DISTINCT_FROM COMPARE_NOT_DISTINCT_FROM CONJUNCTION_AND CONJUNCTION_OR
  WINDOW_AGGREGATE WINDOW_ROW_NUMBER WINDOW_FIRST_VALUE WINDOW_LAST_VALUE WINDOW_NTH_VALUE WINDOW_LEAD WINDOW_LAG
  WINDOW_RANK WINDOW_RANK_DENSE WINDOW_PERCENT_RANK WINDOW_CUME_DIST WINDOW_NTILE WINDOW_FILL`)

const SELECT_MEMBERS = `type modifiers cte_map select_list from_table where_clause group_expressions group_sets
  aggregate_handling having sample qualify`
const TABLE_MEMBERS = 'type alias sample query_location'

/** members of query nodes, tables, modifiers and type descriptions, by `type` */
export const STRUCTURES: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['SELECT_NODE', words(SELECT_MEMBERS)],
  ['SET_OPERATION_NODE', words('type modifiers cte_map setop_type left right setop_all')],
  ['RECURSIVE_CTE_NODE', words('type modifiers cte_map cte_name union_all left right aliases key_targets')],
  ['EMPTY', words(TABLE_MEMBERS)],
  ['BASE_TABLE', words(`${TABLE_MEMBERS} schema_name table_name column_name_alias catalog_name at_clause`)],
  ['JOIN', words(`${TABLE_MEMBERS} left right condition join_type ref_type using_columns delim_flipped duplicate_eliminated_columns`)],
  ['SUBQUERY', words(`${TABLE_MEMBERS} subquery column_name_alias`)],
  ['TABLE_FUNCTION', words(`${TABLE_MEMBERS} function column_name_alias with_ordinality`)],
  ['EXPRESSION_LIST', words(`${TABLE_MEMBERS} expected_names expected_types values`)],
  ['ORDER_MODIFIER', words('type orders')],
  ['LIMIT_MODIFIER', words('type limit offset')],
  ['LIMIT_PERCENT_MODIFIER', words('type limit offset')],
  ['DISTINCT_MODIFIER', words('type distinct_on_targets')],
  ['ASCENDING', words('type null_order expression')],
  ['DESCENDING', words('type null_order expression')],
  ['ORDER_DEFAULT', words('type null_order expression')],
  ['DECIMAL_TYPE_INFO', words('type alias extension_info width scale')],
  ['STRING_TYPE_INFO', words('type alias extension_info collation')],
  ['LIST_TYPE_INFO', words('type alias extension_info child_type')],
  ['ARRAY_TYPE_INFO', words('type alias extension_info child_type size')],
  ['STRUCT_TYPE_INFO', words('type alias extension_info child_types')],
  ['UNBOUND_TYPE_INFO', words('type alias extension_info name catalog schema user_type_modifiers')],
])

/** members of the small objects that have neither class nor a type text */
export const PLAIN_MEMBERS: ReadonlySet<string> = words(`
  error statements node named_param_map map key value aliases query materialized key_targets
  id type_info type is_null when_expr then_expr sample_size is_percentage method seed repeatable
  first second upper lower catalog schema table column`)

/** members that must be empty where they occur: what they say is not allowed */
export const EMPTY_MEMBERS: ReadonlySet<string> = words('key_targets at_clause export_state extension_info catalog')

/** type ids a cast or constant may name */
export const TYPES: ReadonlySet<string> = new Set([
  'NULL', 'SQLNULL', 'BOOLEAN', 'TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT', 'UTINYINT', 'USMALLINT', 'UINTEGER',
  'UBIGINT', 'UHUGEINT', 'FLOAT', 'DOUBLE', 'DECIMAL', 'VARCHAR', 'CHAR', 'BLOB', 'BIT', 'DATE', 'TIME', 'TIME_NS', 'TIMESTAMP',
  'TIMESTAMP_S', 'TIMESTAMP_MS', 'TIMESTAMP_NS', 'TIMESTAMP WITH TIME ZONE', 'TIME WITH TIME ZONE', 'INTERVAL', 'UUID', 'LIST',
  'ARRAY', 'STRUCT', 'MAP', 'INTEGER_LITERAL', 'STRING_LITERAL', 'UNBOUND',
])

/** names an UNBOUND type may have */
export const TYPE_NAMES: ReadonlySet<string> = words('json text string bool')
