#!/usr/bin/env escript
%%! -noinput
%% The real BEAM at the other end of the term tests. Answers requests, each a packet with a four-byte length:
%%
%%   "r" Term            the term, read and written again with minor_version 2
%%   "=" Length A B      whether A and B are the same term, exactly
%%   "?" Bytes           whether BEAM reads the bytes as one whole term
%%   "g" Seed Size Way   a random term, written in the given way
%%
%% An answer is 1 and the result, or 0 where the bytes are no term.
-mode(compile).

main([]) ->
    loop(open_port({fd, 0, 1}, [{packet, 4}, binary, eof])).

loop(Port) ->
    receive
        {Port, {data, Request}} ->
            Answer = try answer(Request) catch error:badarg -> <<0>> end,
            true = port_command(Port, Answer),
            loop(Port);
        {Port, eof} ->
            ok
    end.

answer(<<$r, Bytes/binary>>) ->
    Written = term_to_binary(binary_to_term(Bytes), [{minor_version, 2}]),
    <<1, Written/binary>>;
answer(<<$=, Length:32, A:Length/binary, B/binary>>) ->
    truth(binary_to_term(A) =:= binary_to_term(B));
answer(<<$?, Bytes/binary>>) ->
    {_, Used} = binary_to_term(Bytes, [used]),
    truth(Used =:= byte_size(Bytes));
answer(<<$g, Seed:64, Size:32, Way>>) ->
    rand:seed(exsss, Seed),
    Options = element(Way rem 5 + 1, {[], [{minor_version, 2}], [{minor_version, 0}], [compressed],
                                      [{compressed, 9}, {minor_version, 2}]}),
    Written = term_to_binary(term(Size), Options),
    <<1, Written/binary>>.

truth(true) -> <<1>>;
truth(false) -> <<0>>.

term(Size) when Size =< 1 -> leaf(rand:uniform(14));
term(Size) ->
    Count = rand:uniform(min(Size, 40)),
    Below = fun() -> term((Size - 1) div Count) end,
    Many = fun() -> [Below() || _ <- lists:seq(1, Count)] end,
    case rand:uniform(8) of
        1 -> Many();
        2 -> list_to_tuple(Many());
        3 -> maps:from_list([{Below(), Below()} || _ <- lists:seq(1, Count)]);
        4 -> Many() ++ Below();
        5 -> [rand:uniform(256) - 1 || _ <- lists:seq(1, Size)];
        6 -> [rand:uniform(512) - 257 || _ <- lists:seq(1, Size)];
        7 -> #{Below() => Below()};
        8 -> [Below() | Below()]
    end.

leaf(1) -> rand:uniform(256) - 1;
leaf(2) -> rand:uniform(1 bsl 33) - (1 bsl 32);
leaf(3) -> sign() * ((1 bsl (rand:uniform(80) + 20)) + rand:uniform(3) - 2);
leaf(4) -> sign() * binary:decode_unsigned(rand:bytes(rand:uniform(300)));
leaf(5) -> sign() * rand:uniform() * math:pow(10, rand:uniform(600) - 301);
leaf(6) -> element(rand:uniform(4), {0.0, -0.0, 1.0, 5.0e-324});
leaf(7) -> element(rand:uniform(6), {ok, nil, true, '', 'Elixir.Enum', 'a b'});
leaf(8) -> list_to_atom([rand:uniform(255) || _ <- lists:seq(1, rand:uniform(255))]);
leaf(9) -> list_to_atom([element(rand:uniform(3), {$a, 16#65e5, 16#1f40d}) || _ <- lists:seq(1, rand:uniform(9))]);
leaf(10) -> rand:bytes(rand:uniform(300) - 1);
leaf(11) -> Bits = rand:uniform(99), <<Value:Bits/bitstring, _/bitstring>> = rand:bytes(13), Value;
leaf(12) -> element(rand:uniform(4), {[], {}, #{}, <<>>});
leaf(13) -> element(rand:uniform(4), {self(), make_ref(), hd(erlang:ports()), fun lists:map/2});
leaf(14) -> "text of bytes".

sign() -> element(rand:uniform(2), {1, -1}).
