#!/usr/bin/env escript
%% Writes terms.txt, the golden file of the term codec, and checks it against any BEAM.
%%
%%     escript generate.escript > terms.txt     with OTP 25, whose defaults still write the old atom tags
%%     escript generate.escript check terms.txt with any OTP from 25 on
%%
%% A case is a block of lines. `term` is the Erlang source of the value, or `holds` a condition on the value T where
%% no source gives it. `from` says who made the bytes: BEAM by term_to_binary with these options, or a hand following
%% the published format, for what OTP 25 reads but does not write. `since` names the OTP that first reads the bytes.
-mode(compile).

main([]) ->
    io:setopts(standard_io, [{encoding, unicode}]),
    io:format("# Terms in the External Term Format. Written by generate.escript on OTP ~s; do not edit.~n",
              [erlang:system_info(otp_release)]),
    lists:foreach(fun write/1, written() ++ by_hand());
main(["check", File]) ->
    {ok, Bytes} = file:read_file(File),
    Blocks = string:split(unicode:characters_to_list(Bytes), "\n\n", all),
    Cases = [Case || #{"name" := _} = Case <- lists:map(fun parse/1, Blocks)],
    Release = list_to_integer(erlang:system_info(otp_release)),
    Wrong = [maps:get("name", Case) || Case <- Cases, since(Case) =< Release, not reads(Case)],
    case Wrong of
        [] -> io:format("~b cases are right on OTP ~b~n", [length(Cases), Release]);
        _ -> io:format(standard_error, "wrong on OTP ~b: ~p~n", [Release, Wrong]), halt(1)
    end.

%% What BEAM writes: name, value, source, options of term_to_binary/2.
written() ->
    [{Name, Source, Source, []} || {Name, Source} <- plain()] ++
        [{Name ++ "_utf8", Source, Source, [{minor_version, 2}]} || {"atom" ++ _ = Name, Source} <- plain()] ++
        [{Name, {holds, Condition}, Source, []} || {Name, Condition, Source} <- opaque()] ++
        [{Name, Source, Source, Options} || {Name, Source, Options} <- optional()].

optional() ->
    [{"float_text", "1.5", [{minor_version, 0}]},
     {"float_text_negative_zero", "-0.0", [{minor_version, 0}]},
     {"float_text_exact", "0.1", [{minor_version, 0}]},
     {"float_text_largest", "1.7976931348623157e308", [{minor_version, 0}]},
     {"bit_string_minor_0", "<<5:3>>", [{minor_version, 0}]},
     {"map_deterministic", "maps:from_list([{N, N * N} || N <- lists:seq(1, 40)])", deterministic()},
     {"compressed_string_65535", "lists:duplicate(65535, 7)", [compressed]},
     {"compressed_list_65536", "lists:duplicate(65536, 7)", [compressed]},
     {"compressed_list_70000", "lists:duplicate(70000, -1)", [{compressed, 9}]},
     {"compressed_binary", "binary:copy(<<\"snake\">>, 1000)", [{compressed, 1}]},
     {"compressed_mixed", "[{N rem 3, <<\"item\">>, 'an atom'} || N <- lists:seq(1, 200)]", [compressed]},
     {"compressed_too_small_to_gain", "{ok, 1}", [compressed]}].

plain() ->
    [{"integer_0", "0"},
     {"integer_255", "255"},
     {"integer_256", "256"},
     {"integer_minus_1", "-1"},
     {"integer_i32_max", "2147483647"},
     {"integer_i32_min", "-2147483648"},
     {"integer_i32_max_plus_1", "2147483648"},
     {"integer_i32_min_minus_1", "-2147483649"},
     {"integer_i64_max", "9223372036854775807"},
     {"integer_i64_min", "-9223372036854775808"},
     {"integer_i64_max_plus_1", "9223372036854775808"},
     {"integer_i64_min_minus_1", "-9223372036854775809"},
     {"integer_u64_max", "18446744073709551615"},
     {"integer_2_to_64", "18446744073709551616"},
     {"integer_255_bytes", "1 bsl (8 * 255) - 1"},
     {"integer_256_bytes", "1 bsl (8 * 255)"},
     {"integer_256_bytes_negative", "-(1 bsl (8 * 255))"},
     {"float_0", "0.0"},
     {"float_negative_zero", "-0.0"},
     {"float_one", "1.0"},
     {"float_tenth", "0.1"},
     {"float_smallest", "5.0e-324"},
     {"float_largest", "1.7976931348623157e308"},
     {"atom", "ok"},
     {"atom_nil", "nil"},
     {"atom_empty", "''"},
     {"atom_alias", "'Elixir.Enum'"},
     {"atom_latin1", "'caf\\x{e9}'"},
     {"atom_unicode", "'\\x{65e5}\\x{672c}'"},
     {"atom_255_ascii", "list_to_atom(lists:duplicate(255, $x))"},
     {"atom_255_latin1", "list_to_atom(lists:duplicate(255, 16#e9))"},
     {"atom_255_wide", "list_to_atom(lists:duplicate(255, 16#1f40d))"},
     {"binary_empty", "<<>>"},
     {"binary_text", "<<\"caf\\x{e9}\"/utf8>>"},
     {"binary_bytes", "<<0, 255, 128>>"},
     {"binary_300_bytes", "binary:copy(<<\"abc\">>, 100)"},
     {"bit_string_1_bit", "<<1:1>>"},
     {"bit_string_12_bits", "<<16#fff:12>>"},
     {"list_empty", "[]"},
     {"list_of_bytes", "\"hello\""},
     {"list_of_bytes_extremes", "[0, 255]"},
     {"list_not_all_bytes", "[1, 2, 256]"},
     {"list_of_negatives", "[-1, -2, 3]"},
     {"list_of_lists", "[[], [[]], [[1], [2.0]]]"},
     {"list_charlist_beyond_latin1", "[16#65e5, 16#672c]"},
     {"list_improper", "[1, 2 | 3]"},
     {"list_improper_of_bytes", "[65 | <<\"B\">>]"},
     {"list_improper_nested", "[a | {b, [c | d]}]"},
     {"list_of_keywords", "[{a, 1}, {b, 2}]"},
     {"tuple_empty", "{}"},
     {"tuple_pair", "{ok, <<\"v\">>}"},
     {"tuple_255", "list_to_tuple(lists:seq(1, 255))"},
     {"tuple_256", "list_to_tuple(lists:seq(1, 256))"},
     {"map_empty", "#{}"},
     {"map_atom_keys", "#{a => 1, b => #{c => []}}"},
     {"map_1_and_1_0", "#{1 => a, 1.0 => b}"},
     {"map_mixed_keys", "#{<<\"k\">> => 1, k => 2, [1] => 3, {} => 4, #{a => 1} => 5, 18446744073709551616 => 6}"},
     {"map_struct", "#{'__struct__' => 'Elixir.Date', year => 2024, month => 2, day => 29}"},
     {"map_large", "maps:from_list([{N, integer_to_binary(N)} || N <- lists:seq(1, 100)])"},
     {"nested_message", "{call, 17, #{args => [1, 2.5, <<\"x\">>, nil, true], kw => [{n, -1}]}, [a | b]}"},
     {"deep", "lists:foldl(fun(N, T) -> [N, {T}] end, [], lists:seq(1, 300))"}].

opaque() ->
    [{"pid", "T =:= list_to_pid(\"<0.0.0>\")", "list_to_pid(\"<0.0.0>\")"},
     {"port", "is_port(T) andalso node(T) =:= nonode@nohost", "hd(erlang:ports())"},
     {"reference", "is_reference(T) andalso node(T) =:= nonode@nohost", "make_ref()"},
     {"export", "T =:= fun lists:map/2", "fun lists:map/2"},
     {"fun_no_free", "is_function(T, 1)", "golden:make()"},
     {"fun_one_free", "is_function(T, 1)", "golden:make(<<\"free\">>)"},
     {"fun_in_fun", "is_function(T, 1)", "golden:make([golden:make(golden:make()), 7])"},
     {"opaque_among_others", "is_pid(element(2, T)) andalso element(3, T) =:= 7",
      "{golden:make(1), list_to_pid(\"<0.0.0>\"), 7}"}].

deterministic() ->
    case list_to_integer(erlang:system_info(otp_release)) of
        Release when Release >= 26 -> [deterministic];
        _ -> [{minor_version, 2}]
    end.

%% What BEAM reads but does not write (any more, or at all): name, value, bytes, and the OTP that first reads them.
by_hand() ->
    Node = <<119, 3, "a@b">>,
    On = fun(Test) -> {holds, Test ++ "(T) andalso node(T) =:= a@b"} end,
    [{"hand_atom_small_latin1", "'caf\\x{e9}'", <<115, 4, "caf", 16#e9>>},
     {"hand_atom_long_form_ascii", "ok", <<118, 0, 2, "ok">>},
     {"hand_integer_long_form", "5", <<98, 0, 0, 0, 5>>},
     {"hand_big_small_value", "1", <<110, 4, 0, 1, 0, 0, 0>>},
     {"hand_big_empty", "0", <<110, 0, 0>>},
     {"hand_big_negative_zero", "0", <<110, 1, 1, 0>>},
     {"hand_big_large_form", "-256", <<111, 0, 0, 0, 2, 1, 0, 1>>},
     {"hand_big_sign_2", "-5", <<110, 1, 2, 5>>},
     {"hand_tuple_large_form", "{1, 2}", <<105, 2:32, 97, 1, 97, 2>>},
     {"hand_string_empty", "[]", <<107, 0, 0>>},
     {"hand_list_empty", "[]", <<108, 0:32, 106>>},
     {"hand_list_empty_with_tail", "7", <<108, 0:32, 97, 7>>},
     {"hand_list_in_pieces", "[1, 2, 65, 66]", <<108, 1:32, 97, 1, 108, 1:32, 97, 2, 107, 0, 2, "AB">>},
     {"hand_list_in_pieces_improper", "[1, 2 | x]", <<108, 1:32, 97, 1, 108, 1:32, 97, 2, 119, 1, "x">>},
     {"hand_list_in_pieces_empty_string", "[1]", <<108, 1:32, 97, 1, 107, 0, 0>>},
     {"hand_bits_whole_bytes", "<<1, 2>>", <<77, 2:32, 8, 1, 2>>},
     {"hand_bits_with_rubbish_after", "<<7:3>>", <<77, 1:32, 3, 255>>},
     {"hand_pid", On("is_pid"), <<103, Node/binary, 5:32, 1:32, 1>>},
     {"hand_new_pid", On("is_pid"), <<88, Node/binary, 5:32, 1:32, 7:32>>},
     {"hand_port", On("is_port"), <<102, Node/binary, 5:32, 1>>},
     {"hand_new_port", On("is_port"), <<89, Node/binary, 5:32, 7:32>>},
     {"hand_v4_port", On("is_port"), <<120, Node/binary, (1 bsl 40):64, 7:32>>},
     {"hand_reference", On("is_reference"), <<101, Node/binary, 5:32, 1>>},
     {"hand_new_reference", On("is_reference"), <<114, 3:16, Node/binary, 1, 5:32, 6:32, 7:32>>},
     {"hand_newer_reference_1_word", On("is_reference"), <<90, 1:16, Node/binary, 7:32, 5:32>>},
     {"hand_newer_reference_5_words", On("is_reference"), <<90, 5:16, Node/binary, 7:32, 1:32, 2:32, 3:32, 4:32, 5:32>>},
     {"hand_pid_latin1_node", {holds, "node(T) =:= 'caf\\x{e9}@b'"}, <<88, 115, 6, "caf", 16#e9, "@b", 5:32, 1:32, 7:32>>},
     {"hand_export_utf8", {holds, "T =:= fun lists:map/2"}, <<113, 119, 5, "lists", 119, 3, "map", 97, 2>>},
     {"hand_native_record", {holds, "is_record(T)"},
      <<67, 2:32, 1, 119, 4, "misc", 119, 4, "user", 119, 2, "id", 119, 4, "name", 97, 1, 109, 5:32, "Alice">>, 29},
     {"hand_native_record_in_tuple", {holds, "element(2, T) =:= 9"},
      <<104, 2, 67, 1:32, 0, 119, 4, "misc", 119, 1, "r", 119, 1, "f", 108, 1:32, 104, 0, 106, 97, 9>>, 29}].

write({Name, Value, Bytes}) ->
    write({Name, Value, Bytes, 25});
write({Name, Value, Bytes, Since}) when is_binary(Bytes) ->
    block(Name, Value, "a hand", <<131, Bytes/binary>>, Since);
write({Name, Value, Source, Options}) ->
    block(Name, Value, by_beam(Options), term_to_binary(eval(Source, []), Options), 25).

by_beam([]) -> "term_to_binary(T)";
by_beam(Options) -> io_lib:format("term_to_binary(T, ~w)", [Options]).

block(Name, Value, From, Bytes, Since) ->
    {Key, Text} = case Value of {holds, Condition} -> {"holds", Condition}; Source -> {"term", Source} end,
    io:format("~nname: ~s~n~s: ~s~nfrom: ~s~n", [Name, Key, Text, From]),
    [io:format("since: ~b~n", [Since]) || Since > 25],
    io:format("hex: ~s~n", [string:lowercase(binary:encode_hex(Bytes))]).

parse(Block) ->
    Lines = [Line || Line <- string:split(Block, "\n", all), Line =/= "", hd(Line) =/= $#],
    maps:from_list([list_to_tuple(string:split(Line, ": ")) || Line <- Lines]).

since(Case) -> list_to_integer(maps:get("since", Case, "25")).

reads(Case) ->
    try is_right(Case) catch error:badarg -> false end.

is_right(#{"hex" := Hex} = Case) ->
    Read = binary_to_term(binary:decode_hex(list_to_binary(Hex))),
    case Case of
        %% Funs and identifiers are compared as such; all else also by its bytes, which tell -0.0 from 0.0.
        #{"term" := Source} ->
            Term = eval(Source, []),
            Read =:= Term andalso term_to_binary(Read) =:= term_to_binary(Term);
        #{"holds" := Condition} ->
            eval(Condition, [{'T', Read}])
    end.

eval(Source, Bindings) ->
    golden(),
    {ok, Tokens, _} = erl_scan:string(Source ++ "."),
    {ok, Expressions} = erl_parse:parse_exprs(Tokens),
    {value, Value, _} = erl_eval:exprs(Expressions, Bindings),
    Value.

%% A module whose closures are small; those of evaluated code carry their source.
golden() ->
    Source = ["-module(golden).", "-export([make/0, make/1]).",
              "make() -> fun(X) -> X + 1 end.", "make(A) -> fun(B) -> {A, B} end."],
    Forms = [begin {ok, T, _} = erl_scan:string(S), {ok, F} = erl_parse:parse_form(T), F end || S <- Source],
    case erlang:module_loaded(golden) of
        true -> ok;
        false ->
            {ok, golden, Code} = compile:forms(Forms, [deterministic]),
            {module, golden} = code:load_binary(golden, "golden", Code)
    end.
