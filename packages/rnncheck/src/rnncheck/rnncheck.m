function rnncheck(cases, answers, gradients, varargin)
% Answer the calls in the file `cases` of `rnncheck cases > cases.json`, and write the file `answers`.
%
%   rnncheck('cases.json', 'answers.json', @gradients)
%   rnncheck('cases.json', 'answers.json', @gradients, 'step', @step, 'eta', 0.1)
%
%   [loss, grads, h] = gradients(weights, h, x, y)
%   [weights, memory] = step(weights, gradients, memory, n)   memory is [] at n = 1
%   [p, h] = following(weights, h, x)
%   ids = sample(weights, h, x, n)
%   losses = losses(weights, ids, n)
%
% weights, grads: structs with W (m, m), U (m, K), V (K, m), b (m, 1), c (K, 1); h: (m, 1); x, y: rows of ids from 1.
% [] in place of a function leaves it out. Matlab R2016b or newer, or Octave 7 or newer.
  content = jsondecode(fileread(cases));
  out = struct('cases', content.cases);
  functions = struct('gradients', gradients);
  for k = 1:2:numel(varargin)
    functions.(varargin{k}) = varargin{k + 1};
  end
  if isfield(functions, 'eta'), out.eta = functions.eta; end
  parts = {'gradients', 'step', 'following', 'sample', 'losses'};
  for k = 1:numel(parts)
    part = parts{k};
    if ~isfield(functions, part) || isempty(functions.(part)), continue, end
    calls = content.(part);
    if ~iscell(calls), calls = num2cell(calls); end
    list = {};
    try
      for n = 1:numel(calls)
        list{n} = answer(part, functions.(part), calls{n});
      end
    catch problem
      list{end + 1} = struct('error', problem.message);
    end
    out.(part) = list;
  end
  file = fopen(answers, 'w');
  fprintf(file, '%s\n', jsonencode(out));
  fclose(file);
end

function value = answer(part, f, call)
  w = structfun(@array, call.weights, 'UniformOutput', false);
  switch part
    case 'gradients'
      [loss, grads, h] = f(w, array(call.h), array(call.x)' + 1, array(call.y)' + 1);
      value = struct('loss', full(loss), 'gradients', plain(grads), 'h', plain(h));
    case 'step'
      value = {}; memory = [];
      for n = 1:numel(call.gradients)
        [w, memory] = f(w, structfun(@array, call.gradients(n), 'UniformOutput', false), memory, n);
        value{n} = plain(w);
      end
    case 'following'
      [p, h] = f(w, array(call.h), call.x + 1);
      value = struct('p', plain(p), 'h', plain(h));
    case 'sample'
      texts = zeros(call.texts, call.n);
      for n = 1:call.texts
        texts(n, :) = f(w, array(call.h), call.x + 1, call.n);
      end
      value = plain(texts - 1);
    case 'losses'
      value = plain(f(w, array(call.ids)' + 1, call.n));
  end
end

function a = array(value)  % from {shape, row-major data}
  a = reshape(value.data, [fliplr(value.shape(:)'), 1])';
  if numel(value.shape) == 1, a = a(:); end
end

function value = plain(a)  % to {shape, row-major data}; of an object or a struct, the fields
  if isnumeric(a)
    value = struct('shape', size(a), 'data', reshape(full(double(a))', 1, []));
  else
    for name = fieldnames(a)', value.(name{1}) = plain(a.(name{1})); end
  end
end
